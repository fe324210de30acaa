/** An evaluation: its scores, and record by record. */
import type { EvaluationDetails, EvaluationPage } from 'tamtrl/view';
import { Pages, Verdict } from './rollouts.js';
import { go, type Route } from './route.js';
import { useData } from './source.js';
import { Problems, Rows, visible } from './text.js';

export function EvaluationView({ id, route }: { id: string; route: Route }) {
  const { show = 'all', text = '', from = '' } = route.query;
  const { data, error } = useData<EvaluationDetails>(`api/evaluation/${id}`, [id]);
  const query = new URLSearchParams({ show, text, from }).toString();
  const { data: page, error: pageError } = useData<EvaluationPage>(`api/records/${id}?${query}`, [id]);
  return (
    <>
      {data && (
        <header>
          <h1>{visible(data.source.name)}</h1>
          <p class="note">
            {data.records.toLocaleString('en-US')} records, {visible(data.source.path)}
          </p>
        </header>
      )}
      <Problems texts={[error, pageError, ...(data?.source.problems ?? [])]} />
      {data && <Rows rows={data.results} caption="Scores" />}
      {data && <Rows rows={data.byLength} caption="By length" />}
      <h2>Records</h2>
      <search class="filters">
        <fieldset class="choices">
          <legend>Show</legend>
          {(['all', 'right', 'wrong'] as const).map((kind) => (
            <button type="button" aria-pressed={show === kind} onClick={() => go(route, { show: kind, from: '' })}>
              {kind}
            </button>
          ))}
        </fieldset>
        <label>
          with{' '}
          <input
            type="search"
            value={text}
            onInput={(event) => go(route, { text: event.currentTarget.value, from: '' }, { replace: true })}
          />
        </label>
      </search>
      <ol class="records">
        {page?.records.map((record) => (
          <li key={record.id}>
            <p>
              <Verdict outcome={record.score} /> <strong>{visible(record.question || record.id)}</strong>{' '}
              <span class="note">
                {record.length.toLocaleString('en-US')} tokens, {record.turns} turns
              </span>
            </p>
            <p>
              Answer <strong>{visible(record.answer) || '(none)'}</strong>, expected{' '}
              {record.answers.map(visible).join(' / ')}
            </p>
            {record.error && <Problems texts={[record.error]} />}
          </li>
        ))}
      </ol>
      {page && <Pages total={page.total} from={Number(from)} route={route} />}
      {data && (
        <details>
          <summary>Settings</summary>
          <Rows rows={data.settings} />
        </details>
      )}
    </>
  );
}
