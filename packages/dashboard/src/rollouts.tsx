/** Rollouts: a list that can be filtered, and one of them, or a whole group, turn by turn. */
import { useEffect } from 'preact/hooks';
import type { RolloutEntry, RolloutPage } from 'tamtrl/view';
import { GroupDetail } from './group.js';
import { go, linkTo, type Route } from './route.js';
import { useData } from './source.js';
import { Problems, visible } from './text.js';

const FILTERS = {
  all: 'All',
  right: 'Right',
  wrong: 'Wrong',
  lost: 'Lost a fact',
  missed: 'Missed a fact',
} as const;

/** Turns that can be chosen. */
const TURNS = 32;
const PAGE = 50;

export function RolloutsView({ id, route }: { id: string; route: Route }) {
  const { show = 'all', turn = '', text = '', order = '', from = '', group, sample } = route.query;
  const query = new URLSearchParams({ show, turn, text, order, from }).toString();
  const { data, error } = useData<RolloutPage>(`api/rollouts/${id}?${query}`, [`${id}/rollouts`]);
  useMoves(data?.entries ?? [], route);
  const shown = group ?? (data?.entries[0] && String(data.entries[0].group));
  const chosen = sample ?? (group === undefined ? String(data?.entries[0]?.sample ?? 0) : '0');
  return (
    <>
      <Filters route={route} />
      <Problems texts={[error, ...(data?.problems ?? []), ...(data ? partsNote(data) : [])]} />
      <div class="columns">
        <section aria-label="Rollouts" class="list">
          <p class="note" role="status">
            {data ? `${data.total.toLocaleString('en-US')} ${data.total === 1 ? 'rollout' : 'rollouts'}` : 'Loading …'}
          </p>
          <ol>
            {data?.entries.map((entry) => (
              <Entry
                key={`${entry.group} ${entry.sample}`}
                entry={entry}
                route={route}
                current={String(entry.group) === shown && String(entry.sample) === chosen}
              />
            ))}
          </ol>
          {data && <Pages total={data.total} from={Number(from)} route={route} />}
        </section>
        <section aria-label="Rollout" class="detail">
          {shown !== undefined && <GroupDetail id={id} number={shown} sample={Number(chosen)} route={route} />}
          {data?.total === 0 && (
            <p>
              {data.counts.size === 0
                ? 'This run keeps no rollouts (savedGroups.perStep is 0), or none was done yet.'
                : 'No rollout fits this filter.'}
            </p>
          )}
        </section>
      </div>
    </>
  );
}

function partsNote({ counts }: RolloutPage): string[] {
  const { read, size, textOnly } = counts;
  return [
    ...(read < size ? [`Reading the rollouts: ${Math.floor((100 * read) / size)} % so far.`] : []),
    ...(textOnly
      ? ['This run kept rollouts in words only: without sections, whole groups and log-probabilities (savedGroups).']
      : []),
  ];
}

function Filters({ route }: { route: Route }) {
  const { show = 'all', turn = '', text = '', order = '' } = route.query;
  const fresh = { from: '', group: '', sample: '' };
  return (
    <search class="filters">
      <fieldset class="choices">
        <legend>Show</legend>
        {Object.entries(FILTERS).map(([kind, name]) => (
          <button
            type="button"
            aria-pressed={show === kind}
            onClick={() => go(route, { ...fresh, show: kind, turn: '' })}
          >
            {name}
          </button>
        ))}
      </fieldset>
      {(show === 'lost' || show === 'missed') && (
        <label>
          at turn{' '}
          <select value={turn} onChange={(event) => go(route, { ...fresh, turn: event.currentTarget.value })}>
            <option value="">any</option>
            {Array.from({ length: TURNS }, (_, at) => (
              <option value={String(at + 1)}>{at + 1}</option>
            ))}
          </select>
        </label>
      )}
      <label>
        with{' '}
        <input
          type="search"
          placeholder="question or answer"
          value={text}
          onInput={(event) => go(route, { ...fresh, text: event.currentTarget.value }, { replace: true })}
        />
      </label>
      <label>
        order{' '}
        <select value={order} onChange={(event) => go(route, { ...fresh, order: event.currentTarget.value })}>
          <option value="">latest first</option>
          <option value="oldest">earliest first</option>
        </select>
      </label>
    </search>
  );
}

function Entry({ entry, route, current }: { entry: RolloutEntry; route: Route; current: boolean }) {
  const { group, sample, step, question, answer, outcome, lost, missed } = entry;
  const facts = [
    ...lost.map(({ turn, words }) => `lost ${words.join(', ')} at turn ${turn}`),
    ...missed.map(({ turn, words }) => `missed ${words.join(', ')} at turn ${turn}`),
  ];
  return (
    <li>
      <a
        href={linkTo(route.path, { ...route.query, group, sample })}
        aria-current={current ? 'true' : undefined}
        data-group={group}
        data-sample={sample}
      >
        <Verdict outcome={outcome} /> step {step}, rollout {sample + 1}
        <strong>{visible(question)}</strong>
        <span>{visible(answer) || '(no answer)'}</span>
        {facts.map((fact) => (
          <em>{visible(fact)}</em>
        ))}
      </a>
    </li>
  );
}

/** In words and with a sign, not by its colour alone. */
export function Verdict({ outcome }: { outcome: number }) {
  if (outcome >= 1) return <span class="verdict right">✓ right</span>;
  return <span class="verdict wrong">✗ {outcome > 0 ? `partly (${outcome.toFixed(2)})` : 'wrong'}</span>;
}

export function Pages({ total, from, route }: { total: number; from: number; route: Route }) {
  if (total <= PAGE) return null;
  const at = (place: number) => linkTo(route.path, { ...route.query, from: place || '', group: '', sample: '' });
  return (
    <nav class="pages" aria-label="Pages">
      {from > 0 ? <a href={at(Math.max(0, from - PAGE))}>← previous</a> : <span>← previous</span>}
      <span>
        {(from + 1).toLocaleString('en-US')} to {Math.min(total, from + PAGE).toLocaleString('en-US')}
      </span>
      {from + PAGE < total ? <a href={at(from + PAGE)}>next →</a> : <span>next →</span>}
    </nav>
  );
}

/** J and K go to the next and the previous rollout of the list. */
function useMoves(entries: readonly RolloutEntry[], route: Route): void {
  useEffect(() => {
    const move = (event: KeyboardEvent) => {
      const { target, key, ctrlKey, metaKey, altKey } = event;
      if (ctrlKey || metaKey || altKey || (key !== 'j' && key !== 'k')) return;
      if (target instanceof HTMLInputElement || target instanceof HTMLSelectElement) return;
      const { group, sample } = route.query;
      const now =
        group === undefined
          ? 0
          : entries.findIndex((entry) => String(entry.group) === group && String(entry.sample) === (sample ?? '0'));
      const next = entries[now + (key === 'j' ? 1 : -1)];
      if (next) go(route, { group: next.group, sample: next.sample }, { replace: true });
    };
    addEventListener('keydown', move);
    return () => removeEventListener('keydown', move);
  }, [entries, route]);
}
