/** A run: what it reached, its curves, rollouts, readings and settings. */
import type { RunDetails } from 'tamtrl/view';
import { CurvesView } from './curves.js';
import { ReadingsView } from './readings.js';
import { RolloutsView } from './rollouts.js';
import { linkTo, type Route } from './route.js';
import { alone, useData } from './source.js';
import { Problems, Rows, visible } from './text.js';

const TABS = { curves: 'Curves', rollouts: 'Rollouts', readings: 'Readings', settings: 'Settings and cost' } as const;

export function RunView({ id, route }: { id: string; route: Route }) {
  const { data, error } = useData<RunDetails>(`api/run/${id}`, [id]);
  const tab = route.path[2] ?? 'curves';
  return (
    <>
      {data && <Head run={data} />}
      <Problems texts={[error, ...(data?.source.problems ?? [])]} />
      <nav class="tabs" aria-label="Views of the run">
        {Object.entries(TABS).map(([key, name]) => (
          <a href={linkTo(['run', id, key])} aria-current={tab === key ? 'page' : undefined}>
            {name}
          </a>
        ))}
      </nav>
      {tab === 'curves' && data && (
        <>
          <Problems texts={data.warnings} />
          <Rows rows={data.tables.results} caption="Held-out questions, 95 % intervals over them" />
        </>
      )}
      {tab === 'curves' && <CurvesView ids={[id]} route={route} />}
      {tab === 'rollouts' && <RolloutsView id={id} route={route} />}
      {tab === 'readings' && <ReadingsView id={id} route={route} />}
      {tab === 'settings' && data && (
        <>
          <Rows rows={data.tables.seconds} caption="Time" />
          <Rows rows={data.tables.tokens} caption="Tokens" />
          <Rows rows={data.settings} caption="Every setting" />
        </>
      )}
    </>
  );
}

function Head({ run }: { run: RunDetails }) {
  const { source, steps } = run;
  return (
    <header>
      <h1>{visible(source.name)}</h1>
      <p>
        {source.about}. Step {steps.done.toLocaleString('en-US')}
        {steps.planned > 0 && ` of ${steps.planned.toLocaleString('en-US')}`}.{' '}
        <span class="note">{visible(source.path)}</span>
      </p>
      {!alone && (
        <p class="tools">
          <a href={`export/${source.id}/run.html`} download>
            Save as one HTML file
          </a>
          <a href={`export/${source.id}/metrics.csv`} download>
            Save numbers as CSV
          </a>
        </p>
      )}
    </header>
  );
}
