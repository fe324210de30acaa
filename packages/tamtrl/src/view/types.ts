/** What the inspector's page receives. Numbers that do not exist are null, as JSON has no NaN. */

export type SourceKind = 'run' | 'evaluation' | 'comparison' | 'reading';

/** Something that can be looked at. */
export interface SourceSummary {
  /** The same for the same place, so that links stay. */
  id: string;
  kind: SourceKind;
  /** Short, and of its own among those that are shown. */
  name: string;
  path: string;
  /** What it is, in a few words. */
  about: string;
  /** When it was last written, in milliseconds since 1970. */
  changed: number;
  /** The comparison that it is a part of. */
  part?: string;
  /** Why it cannot be shown, in whole or in part. */
  problems: string[];
}

export interface Overview {
  sources: SourceSummary[];
  /** Folders that were named and hold nothing to look at. */
  problems: string[];
}

/** Rows of a table, the header first. */
export type Table = string[][];

export interface RunDetails {
  source: SourceSummary;
  command: string;
  method: string;
  preset: string;
  seed: number;
  started: string;
  steps: { done: number; planned: number };
  tables: { results: Table; seconds: Table; tokens: Table };
  warnings: string[];
  /** Every setting: path and value. */
  settings: Table;
  readings: number;
}

export interface RolloutCounts {
  /** Rollouts that are kept. */
  kept: number;
  /** Bytes of the file that have been read, and its size. */
  read: number;
  size: number;
  /** Without token log-probabilities and chunks: from trajectories.jsonl. */
  textOnly: boolean;
}

/** Numbers by step: of one run, or of the runs of a configuration, which differ in their seeds. */
export interface CurveSet {
  label: string;
  /** Ids of the runs. */
  runs: string[];
  seeds: number[];
  /** Means over `width` steps. */
  width: number;
  /** Last step of each mean. */
  steps: number[];
  /**
   * By name of the number. Of one run, `low` and `high` are the least and largest within `width` steps; of several,
   * Student's 95 % interval over seeds, or with two seeds both of them. Absent where there is no spread.
   */
  columns: Record<string, Band>;
  /** Held-out scores, with an interval over questions, or over seeds. */
  evaluations: { step: number; metrics: Record<string, { mean: number; low: number; high: number }> }[];
  metric: string;
  /** Means by memory turn at each of `steps`: [steps][turns]. */
  byTurn: Record<string, (number | null)[][]>;
}

export interface Band {
  mean: (number | null)[];
  low?: (number | null)[];
  high?: (number | null)[];
}

export interface Curves {
  sets: CurveSet[];
  /** Settings in which the runs differ: header, then a row each. */
  differing: Table;
}

export interface LostWords {
  /** Memory turn, from 1. */
  turn: number;
  words: string[];
}

export interface RolloutEntry {
  /** Names the group, and with `sample` the rollout. */
  group: number;
  sample: number;
  step: number;
  questionId: string;
  question: string;
  answer: string;
  outcome: number;
  /** Words of a gold answer that stood in the memory before a turn, and no longer after it. */
  lost: LostWords[];
  /** Words of a gold answer that stood in the relevant text of a chunk, and did not get into the memory. */
  missed: LostWords[];
}

export interface RolloutPage {
  entries: RolloutEntry[];
  /** That fit the filter. */
  total: number;
  counts: RolloutCounts;
  problems: string[];
}

export interface RolloutFilter {
  show: 'all' | 'right' | 'wrong' | 'lost' | 'missed';
  /** Of `lost` and `missed`: at this memory turn; 0: at any. */
  turn: number;
  /** Part of the question, its id or the answer; in any case. */
  text: string;
  order: 'newest' | 'oldest';
  /** Entries passed over. */
  from: number;
}

export type TextPart = { text: string; relevant?: true } | { left: number };

export interface GroupView {
  step: number;
  questionId: string;
  question: string;
  answers: readonly string[];
  /** Before the first turn. */
  initialMemory: string;
  /** Absent where a run kept no chunks. */
  chunks?: { start: number; end: number; parts: TextPart[] }[];
  rollouts: RolloutView[];
}

export interface RolloutView {
  sample: number;
  outcome: number;
  answer: string;
  lost: LostWords[];
  missed: LostWords[];
  turns: TurnView[];
}

export interface TurnView {
  kind: 'memory' | 'answer';
  text: string;
  /** The memory after it, of a memory turn. */
  memory?: string;
  stopReason: string;
  reward: number;
  score?: number;
  advantage: number;
  /** Absent where a run kept none. */
  tokens?: TokenView[];
}

export interface TokenView {
  text: string;
  /** Log-probabilities in nats; null: unknown. */
  student: number | null;
  teacher?: number | null;
}

/** A question read before and after training. */
export interface ReadingPair {
  id: string;
  question: string;
  answers: string[];
  before: ReadingView;
  after?: ReadingView;
}

export interface ReadingView {
  answer: string;
  output: string;
  score: number;
  right: boolean;
  lost: LostWords[];
  turns: { section: string; memory: string; tokens: number; cut: boolean }[];
}

export interface Readings {
  metric: string;
  pairs: ReadingPair[];
}

export interface EvaluationDetails {
  source: SourceSummary;
  settings: Table;
  results: Table;
  byLength: Table;
  records: number;
}

export interface EvaluationPage {
  records: {
    id: string;
    question: string;
    answers: string[];
    answer: string;
    output: string;
    score: number;
    error?: string;
    length: number;
    turns: number;
  }[];
  total: number;
}

export interface ComparisonDetails {
  source: SourceSummary;
  tables: { title: string; note: string; rows: Table }[];
  notes: string[];
  /** Ids of its trainings. */
  runs: string[];
}

export interface SavedReading {
  source: SourceSummary;
  turns: number;
  position: number;
  questions: { question: string; memory: string; pieces: PieceView[] }[];
  /** The text that was read; absent if it is not known or has changed. */
  documents: string[];
  /** Why the text cannot be shown. */
  problem?: string;
}

export interface PieceView {
  text: string;
  source?: { chunk: number; start: number; end: number; match: 'exact' | 'words' | 'similar'; place?: string };
}

/** A part of the text that was read, around a place. */
export interface Passage {
  before: string;
  place: string;
  after: string;
  start: number;
  end: number;
}

/** What a page that stands alone holds: the replies that the server would give. */
export interface EmbeddedRun {
  overview: Overview;
  details: RunDetails;
  curves: Curves;
  rollouts: RolloutPage;
  groups: Record<number, GroupView>;
  readings: Readings;
}
