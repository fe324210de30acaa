/** Which numbers of a run are drawn together, and how. */
import type { CurveSet } from 'tamtrl/view';
import type { FigureProps, Line } from './figure.js';

interface Chart {
  title: string;
  unit?: string;
  /** Names of the numbers and what they are called. */
  numbers: Record<string, string>;
  zero?: boolean;
  note?: string;
}

const CHARTS: readonly Chart[] = [
  {
    title: 'Rewards of training rollouts',
    numbers: { reward: 'outcome', turn_reward: 'turn reward', turn_score: 'turn score' },
    zero: true,
  },
  { title: 'Exact match of training rollouts', numbers: { exact_match: 'exact match' }, zero: true },
  { title: 'Memory length', unit: 'tokens', numbers: { memory_tokens: 'memory' }, zero: true },
  { title: 'Entropy', unit: 'nats a token', numbers: { entropy: 'entropy' } },
  {
    title: 'KL divergence',
    unit: 'nats a token',
    numbers: { kl: 'to the initial weights', approximate_kl: 'to the sampling weights' },
  },
  { title: 'Clip fraction', numbers: { clip_fraction: 'clipped' }, zero: true },
  { title: 'Gradient norm', numbers: { gradient_norm: 'before clipping' }, zero: true },
  { title: 'Loss', numbers: { loss: 'loss' } },
  {
    title: 'Empty and cut-off outputs',
    unit: 'share',
    numbers: {
      empty_rate: 'empty memories',
      overflow_rate: 'cut-off memories',
      answer_overflow_rate: 'cut-off answers',
    },
    zero: true,
  },
  {
    title: 'Seconds by phase',
    unit: 's',
    numbers: {
      'seconds.rollout': 'rollout',
      'seconds.reward': 'reward',
      'seconds.score': 'score',
      'seconds.train': 'train',
    },
    zero: true,
  },
  {
    title: 'Tokens by phase',
    numbers: {
      'tokens.prompt': 'prompt',
      'tokens.sampled': 'sampled',
      'tokens.scored': 'scored',
      'tokens.trained': 'trained',
    },
    zero: true,
  },
  { title: 'Groups', numbers: { groups: 'with a gradient', dropped_groups: 'without' }, zero: true },
  { title: 'Learning rate', numbers: { learning_rate: 'learning rate' }, zero: true },
  {
    title: 'Sampler against trainer',
    unit: 'nats a token',
    numbers: { sampler_trainer_difference: 'mean difference' },
    zero: true,
  },
];

const BY_TURN = {
  turn_reward_by_turn: { title: 'Reward by turn', unit: undefined },
  memory_tokens_by_turn: { title: 'Memory length by turn', unit: 'tokens' },
} as const;

/** Turns that have a line of their own. */
const TURNS = 6;

export function figuresOf(sets: readonly CurveSet[]): FigureProps[] {
  const figures: FigureProps[] = [heldOut(sets)];
  for (const { numbers, ...chart } of CHARTS) {
    const lines = sets.flatMap((set) =>
      Object.entries(numbers).flatMap(([key, name]) => (set.columns[key] ? [columnLine(set, key, name)] : [])),
    );
    figures.push({ ...chart, lines });
  }
  for (const [key, { title, unit }] of Object.entries(BY_TURN)) {
    figures.splice(3, 0, { title, unit, lines: sets.flatMap((set) => turnLines(set, key)), zero: true });
  }
  const own = [...new Set(sets.flatMap(({ columns }) => Object.keys(columns)))].filter((key) =>
    key.startsWith('method.'),
  );
  for (const key of own) {
    const name = key.slice('method.'.length);
    const lines = sets.flatMap((set) => (set.columns[key] ? [columnLine(set, key, name)] : []));
    figures.push({ title: `Of the method: ${name}`, lines });
  }
  return figures.filter(({ lines }) => lines.some(({ points }) => points.some(({ y }) => y !== null)));
}

function heldOut(sets: readonly CurveSet[]): FigureProps {
  const metric = sets[0]?.metric ?? 'exact_match';
  const several = sets.some(({ runs }) => runs.length > 1);
  return {
    title: `Held-out ${metric}`,
    note: several
      ? 'Band: Student’s 95 % interval over seeds from three seeds on, the seeds themselves with two.'
      : 'Band: 95 % interval over the held-out questions.',
    lines: sets.map(({ label, evaluations }) => ({
      set: label,
      name: metric,
      markers: true,
      points: evaluations.flatMap(({ step, metrics }) => {
        const found = metrics.score ?? metrics.exact_match;
        return found ? [{ x: step, y: found.mean, low: found.low, high: found.high }] : [];
      }),
    })),
    zero: true,
  };
}

function columnLine({ label, steps, columns }: CurveSet, key: string, name: string): Line {
  const { mean, low, high } = columns[key];
  return {
    set: label,
    name,
    points: steps.map((x, at) => ({ x, y: mean[at], ...(low && high && { low: low[at], high: high[at] }) })),
  };
}

/** All turns, or of many the first, the last and some between. */
function turnLines({ label, steps, byTurn }: CurveSet, key: string): Line[] {
  const rows = byTurn[key] ?? [];
  const longest = rows.reduce((most, { length }) => Math.max(most, length), 0);
  const chosen =
    longest <= TURNS
      ? Array.from({ length: longest }, (_, turn) => turn)
      : Array.from({ length: TURNS }, (_, at) => Math.round((at * (longest - 1)) / (TURNS - 1)));
  return chosen.map((turn) => ({
    set: label,
    name: `turn ${turn + 1}`,
    points: steps.map((x, at) => ({ x, y: rows[at]?.[turn] ?? null })),
  }));
}
