/** A comparison: its tables, and the curves of its trainings by seed. */
import type { ComparisonDetails } from 'tamtrl/view';
import { CurvesView } from './curves.js';
import type { Route } from './route.js';
import { useData } from './source.js';
import { Problems, Rows, visible } from './text.js';

export function ComparisonView({ id, route }: { id: string; route: Route }) {
  const { data, error } = useData<ComparisonDetails>(`api/comparison/${id}`, [id, 'overview']);
  return (
    <>
      {data && (
        <header>
          <h1>{visible(data.source.name)}</h1>
          <p class="note">{visible(data.source.path)}</p>
        </header>
      )}
      <Problems texts={[error, ...(data?.source.problems ?? [])]} />
      {data?.tables.map(({ title, note, rows }) => (
        <section aria-label={title} key={title}>
          <h2>{title}</h2>
          <p class="note">{note}</p>
          <Rows rows={rows} />
          {title === 'Results' && data.notes.map((text) => <p class="note">{visible(text)}</p>)}
        </section>
      ))}
      {data && data.runs.length > 0 && (
        <section aria-label="Curves of the trainings">
          <h2>Curves of the trainings</h2>
          <CurvesView ids={data.runs} route={route} />
        </section>
      )}
    </>
  );
}
