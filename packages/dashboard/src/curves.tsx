/** Curves of one run, or of several over each other. */
import { useMemo } from 'preact/hooks';
import type { Curves } from 'tamtrl/view';
import { figuresOf } from './charts.js';
import { Figure } from './figure.js';
import { go, type Route } from './route.js';
import { useData } from './source.js';
import { Problems, Rows } from './text.js';

export function CurvesView({ ids, route }: { ids: readonly string[]; route: Route }) {
  const band = ids.length > 1 && route.query.seeds !== 'single';
  const { data, error } = useData<Curves>(`api/curves?ids=${ids.join()}${band ? '&seeds=band' : ''}`, ids);
  const figures = useMemo(() => (data ? figuresOf(data.sets) : []), [data]);
  return (
    <>
      <Problems texts={[error]} />
      {ids.length > 1 && (
        <fieldset class="choices">
          <legend>Seeds</legend>
          {(['band', 'single'] as const).map((kind) => (
            <button
              type="button"
              aria-pressed={band === (kind === 'band')}
              onClick={() => go(route, { seeds: kind === 'band' ? '' : kind })}
            >
              {kind === 'band' ? 'as a band' : 'one by one'}
            </button>
          ))}
        </fieldset>
      )}
      {data && data.differing.length > 1 && (
        <details open={data.differing.length < 12}>
          <summary>Settings in which the runs differ ({data.differing.length - 1})</summary>
          <Rows rows={data.differing} />
        </details>
      )}
      {data && ids.length > 1 && data.differing.length === 1 && <p>The runs have the same settings.</p>}
      {data && figures.length === 0 && <p>There are no numbers yet. They appear here when the first step is done.</p>}
      <div class="figures">
        {figures.map((figure) => (
          <Figure key={figure.title} {...figure} />
        ))}
      </div>
      {data?.sets.some(({ width }) => width > 1) && (
        <p class="note">
          Lines are means over {data.sets[0].width} steps; their bands are the least and the largest of these
          {band ? ', or the spread over seeds' : ''}.
        </p>
      )}
    </>
  );
}
