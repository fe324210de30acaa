/** A group of rollouts: one of them turn by turn, or all side by side. */
import { useRef } from 'preact/hooks';
import type { GroupView, LostWords, RolloutView, TurnView } from 'tamtrl/view';
import { saveFigure } from './export.js';
import { Verdict } from './rollouts.js';
import { go, linkTo, type Route } from './route.js';
import { useData } from './source.js';
import { Diff, number, Problems, Section, signed, visible } from './text.js';
import { COLOURING_NAMES, COLOURING_NOTES, COLOURINGS, type Colouring, Tokens } from './tokens.js';

export function GroupDetail({
  id,
  number: group,
  sample,
  route,
}: {
  id: string;
  number: string;
  sample: number;
  route: Route;
}) {
  const { data, error } = useData<GroupView>(`api/group/${id}/${group}`, []);
  const view = useRef<HTMLElement>(null);
  const isSide = route.query.side === 'all';
  const rollout = data?.rollouts.find((one) => one.sample === sample) ?? data?.rollouts[0];
  if (!data || !rollout) return <Problems texts={[error]} />;
  const here = { ...route, query: { ...route.query, group, sample: String(rollout.sample) } };
  const name = `step ${data.step} ${data.questionId} rollout ${rollout.sample + 1}`;
  return (
    <article ref={view}>
      <header>
        <h2>{visible(data.question)}</h2>
        <p>
          Expected <strong>{data.answers.map(visible).join(' / ')}</strong>
          <span class="note">
            {' '}
            step {data.step}, {visible(data.questionId)}
          </span>
        </p>
        <nav class="group" aria-label="Rollouts of the group">
          {data.rollouts.map((one) => (
            <a
              href={linkTo(here.path, { ...here.query, sample: one.sample, side: '' })}
              aria-current={!isSide && one === rollout ? 'true' : undefined}
            >
              {one.outcome >= 1 ? '✓' : '✗'} {one.sample + 1}
              {one.lost.length > 0 && <span title="lost a fact"> ▼</span>}
            </a>
          ))}
          {data.rollouts.length > 1 && (
            <a href={linkTo(here.path, { ...here.query, side: 'all' })} aria-current={isSide ? 'true' : undefined}>
              all side by side
            </a>
          )}
        </nav>
        <Shades route={here} data={data} />
      </header>
      {isSide ? <SideBySide group={data} route={here} /> : <OneRollout group={data} rollout={rollout} route={here} />}
      <p class="tools">
        {(['svg', 'png'] as const).map((kind) => (
          <button type="button" onClick={() => view.current && saveFigure(view.current, name, kind)}>
            Save view as {kind.toUpperCase()}
          </button>
        ))}
      </p>
    </article>
  );
}

/** How memories are shown: as changes, or token by token. */
function Shades({ route, data }: { route: Route; data: GroupView }) {
  const { shade = '', values } = route.query;
  const tokens = data.rollouts.some(({ turns }) => turns.some((turn) => turn.tokens));
  if (!tokens) return null;
  const hasTeacher = data.rollouts.some(({ turns }) =>
    turns.some((turn) => turn.tokens?.some(({ teacher }) => teacher !== undefined)),
  );
  const able = COLOURINGS.filter((kind) => hasTeacher || (kind !== 'teacher' && kind !== 'difference'));
  return (
    <fieldset class="choices">
      <legend>Memories</legend>
      <button type="button" aria-pressed={shade === ''} onClick={() => go(route, { shade: '' })}>
        Changes
      </button>
      {able.map((kind) => (
        <button type="button" aria-pressed={shade === kind} onClick={() => go(route, { shade: kind })}>
          {COLOURING_NAMES[kind]}
        </button>
      ))}
      {isColouring(shade) && (
        <>
          <label>
            <input
              type="checkbox"
              checked={values === '1'}
              onChange={(event) => go(route, { values: event.currentTarget.checked ? '1' : '' })}
            />{' '}
            numbers
          </label>
          <span class="note">{COLOURING_NOTES[shade]}</span>
        </>
      )}
    </fieldset>
  );
}

function isColouring(shade: string): shade is Colouring {
  return (COLOURINGS as readonly string[]).includes(shade);
}

function factsAt(found: readonly LostWords[], turn: number): string | undefined {
  return found.find((one) => one.turn === turn)?.words.join(', ');
}

function OneRollout({ group, rollout, route }: { group: GroupView; rollout: RolloutView; route: Route }) {
  const turns = useRef<HTMLOListElement>(null);
  return (
    <>
      <p>
        <Verdict outcome={rollout.outcome} /> Answer <strong>{visible(rollout.answer) || '(none)'}</strong>
      </p>
      {rollout.lost.length > 0 && (
        <p class="tools">
          {rollout.lost.map(({ turn, words }) => (
            <button type="button" class="lost" onClick={() => turns.current?.children[turn - 1]?.scrollIntoView()}>
              ▼ lost {visible(words.join(', '))} at turn {turn}
            </button>
          ))}
        </p>
      )}
      <ol class="turns" ref={turns}>
        {rollout.turns.map((turn, at) => (
          <li class={factsAt(rollout.lost, at + 1) && turn.kind === 'memory' ? 'turn losing' : 'turn'}>
            <TurnHead turn={turn} at={at} rollout={rollout} />
            {turn.kind === 'memory' && group.chunks?.[at] && <Section parts={group.chunks[at].parts} />}
            <Memory turn={turn} before={memoryBefore(group, rollout, at)} route={route} />
          </li>
        ))}
      </ol>
    </>
  );
}

function memoryBefore({ initialMemory }: GroupView, { turns }: RolloutView, at: number): string {
  return at === 0 ? initialMemory : (turns[at - 1].memory ?? '');
}

function Memory({ turn, before, route }: { turn: TurnView; before: string; route: Route }) {
  const { shade = '', values } = route.query;
  if (isColouring(shade)) return <Tokens turn={turn} colouring={shade} values={values === '1'} />;
  if (turn.kind === 'answer') return <p class="memory">{visible(turn.text)}</p>;
  return <Diff before={before} after={turn.memory ?? ''} />;
}

function TurnHead({ turn, at, rollout }: { turn: TurnView; at: number; rollout: RolloutView }) {
  const isMemory = turn.kind === 'memory';
  const lost = isMemory ? factsAt(rollout.lost, at + 1) : undefined;
  const missed = isMemory ? factsAt(rollout.missed, at + 1) : undefined;
  return (
    <div class="head">
      <h3>{isMemory ? `Turn ${at + 1}` : 'Answer'}</h3>
      {lost && <strong class="badge lost">▼ lost: {visible(lost)}</strong>}
      {missed && <strong class="badge missed">○ missed: {visible(missed)}</strong>}
      {turn.stopReason === 'length' && <strong class="badge">cut off</strong>}
      <dl>
        <div>
          <dt>reward</dt>
          <dd>{number(turn.reward)}</dd>
        </div>
        {turn.score !== undefined && (
          <div>
            <dt>score</dt>
            <dd>{number(turn.score)}</dd>
          </div>
        )}
        <div>
          <dt>advantage</dt>
          <dd>
            {signed(turn.advantage)} <Bar value={turn.advantage} />
          </dd>
        </div>
      </dl>
    </div>
  );
}

/** An advantage from the middle to the right or left. */
function Bar({ value }: { value: number }) {
  const length = Math.min(1, Math.abs(value) / 3) * 30;
  return (
    <svg class="bar" width="62" height="10" aria-hidden="true">
      <path d="M31 0v10" stroke="currentColor" stroke-opacity="0.5" />
      <rect
        x={value < 0 ? 31 - length : 31}
        y="2"
        width={length}
        height="6"
        fill={value < 0 ? 'var(--orange)' : 'var(--blue)'}
      />
    </svg>
  );
}

function SideBySide({ group, route }: { group: GroupView; route: Route }) {
  const longest = group.rollouts.reduce((most, { turns }) => Math.max(most, turns.length), 0);
  return (
    <section class="scroll" aria-label="All rollouts of the group">
      <table class="side">
        <thead>
          <tr>
            <th scope="col">turn</th>
            {group.rollouts.map(({ sample, outcome, answer }) => (
              <th scope="col">
                <a href={linkTo(route.path, { ...route.query, sample, side: '' })}>rollout {sample + 1}</a>{' '}
                <Verdict outcome={outcome} />
                <br />
                {visible(answer)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: longest }, (_, at) => (
            <tr>
              <th scope="row">
                {at + 1}
                {group.chunks?.[at] && <Section parts={group.chunks[at].parts} />}
              </th>
              {group.rollouts.map((rollout) => {
                const turn = rollout.turns[at];
                if (!turn) return <td />;
                return (
                  <td>
                    <TurnHead turn={turn} at={at} rollout={rollout} />
                    <Memory turn={turn} before={memoryBefore(group, rollout, at)} route={route} />
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
