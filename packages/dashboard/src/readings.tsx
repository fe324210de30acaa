/** Held-out questions that a run read before and after training, side by side. */
import type { ReadingPair, Readings, ReadingView } from 'tamtrl/view';
import { go, linkTo, type Route } from './route.js';
import { useData } from './source.js';
import { Diff, Problems, visible } from './text.js';

const FILTERS = {
  all: 'All',
  changed: 'Changed by training',
  better: 'Made right',
  worse: 'Made wrong',
  right: 'Right',
  wrong: 'Wrong',
  lost: 'Lost a fact',
} as const;

type Kind = keyof typeof FILTERS;

export function ReadingsView({ id, route }: { id: string; route: Route }) {
  const { data, error } = useData<Readings>(`api/readings/${id}`, [id]);
  const show = (route.query.show ?? 'all') as Kind;
  const pairs = (data?.pairs ?? []).filter((pair) => fits(pair, show));
  const shown = pairs.find((pair) => pair.id === route.query.question) ?? pairs[0];
  return (
    <>
      <fieldset class="choices">
        <legend>Show</legend>
        {Object.entries(FILTERS).map(([kind, name]) => (
          <button type="button" aria-pressed={show === kind} onClick={() => go(route, { show: kind, question: '' })}>
            {name} {data && `(${data.pairs.filter((pair) => fits(pair, kind as Kind)).length})`}
          </button>
        ))}
      </fieldset>
      <Problems texts={[error]} />
      <div class="columns">
        <section class="list" aria-label="Questions">
          <ol>
            {pairs.map((pair) => (
              <li key={pair.id}>
                <a
                  href={linkTo(route.path, { ...route.query, question: pair.id })}
                  aria-current={pair === shown ? 'true' : undefined}
                >
                  <strong>{visible(pair.question)}</strong>
                  <span>{verdicts(pair, data?.metric)}</span>
                </a>
              </li>
            ))}
          </ol>
        </section>
        <section class="detail" aria-label="Reading">
          {shown && <Pair pair={shown} metric={data?.metric ?? ''} />}
          {data && pairs.length === 0 && (
            <p>No question fits. Questions are read before the first step and after the last.</p>
          )}
        </section>
      </div>
    </>
  );
}

function fits({ before, after }: ReadingPair, kind: Kind): boolean {
  const last = after ?? before;
  if (kind === 'changed') return after !== undefined && after.score !== before.score;
  if (kind === 'better') return after?.right === true && !before.right;
  if (kind === 'worse') return after !== undefined && !after.right && before.right;
  if (kind === 'right') return last.right;
  if (kind === 'wrong') return !last.right;
  return kind !== 'lost' || last.lost.length > 0;
}

function verdict({ right, score }: ReadingView, metric = 'exact_match'): string {
  if (right) return '✓ right';
  return metric === 'exact_match' ? '✗ wrong' : `✗ ${metric} ${score.toFixed(2)}`;
}

function verdicts({ before, after }: ReadingPair, metric?: string): string {
  return after ? `${verdict(before, metric)} → ${verdict(after, metric)}` : verdict(before, metric);
}

function Pair({ pair, metric }: { pair: ReadingPair; metric: string }) {
  const { question, answers, before, after } = pair;
  const sides = after
    ? ([
        ['Before training', before],
        ['After training', after],
      ] as const)
    : ([['Before training', before]] as const);
  return (
    <article>
      <h2>{visible(question)}</h2>
      <p>
        Expected <strong>{answers.map(visible).join(' / ')}</strong>
      </p>
      <div class="sides">
        {sides.map(([when, reading]) => (
          <section aria-label={when}>
            <h3>{when}</h3>
            <p>
              <span class={reading.right ? 'verdict right' : 'verdict wrong'}>{verdict(reading, metric)}</span> Answer{' '}
              <strong>{visible(reading.answer || reading.output) || '(none)'}</strong>
            </p>
            <Turns reading={reading} />
          </section>
        ))}
      </div>
    </article>
  );
}

function Turns({ reading: { turns, lost } }: { reading: ReadingView }) {
  return (
    <ol class="turns">
      {turns.map(({ section, memory, tokens, cut }, at) => {
        const gone = lost.find(({ turn }) => turn === at + 1)?.words.join(', ');
        return (
          <li class={gone ? 'turn losing' : 'turn'}>
            <div class="head">
              <h4>Turn {at + 1}</h4>
              {gone && <strong class="badge lost">▼ lost: {visible(gone)}</strong>}
              {cut && <strong class="badge">cut off</strong>}
              <span class="note">{tokens} tokens</span>
            </div>
            <p class="section">{visible(section)}</p>
            <Diff before={turns[at - 1]?.memory ?? ''} after={memory} />
          </li>
        );
      })}
    </ol>
  );
}
