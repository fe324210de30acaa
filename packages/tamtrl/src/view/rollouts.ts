/** The rollouts that a run has kept: an index of them that grows with the file, and a group of them in full. */
import { stat } from 'node:fs/promises';
import type { RunFolder } from '../run/folder.js';
import { type KeptTurn, unpacked, unpackedLogProbabilities } from '../train/kept-groups.js';
import { lostWords, missedWords } from './facts.js';
import { filterRollouts } from './filter.js';
import { keptGroupSchema, trajectorySchema } from './kept-lines.js';
import { shownPath } from './shown-path.js';
import { DamagedLines, type LinePlace, LineTail, lineAt } from './tail.js';
import type {
  GroupView,
  RolloutCounts,
  RolloutEntry,
  RolloutFilter,
  RolloutPage,
  RolloutView,
  TokenView,
  TurnView,
} from './types.js';

/** Rollouts in the index; what comes after them is not listed. */
export const MOST = 1_000_000;
/** Characters of a question in the index. */
const QUESTION = 120;
/** Bytes that are indexed before somebody else gets a turn. */
const SLICE = 1 << 20;
/** Milliseconds after which a look at the file ends, whatever is left of it. */
const LOOK = 250;

export class RolloutIndex {
  readonly #folder: RunFolder;
  #tail: LineTail | undefined;
  #textOnly = false;
  #entries: RolloutEntry[] = [];
  /** Of each line that could be read, in order. */
  #places: LinePlace[] = [];
  readonly #damaged = new DamagedLines();
  #left = 0;
  /** Somebody has looked at the list; until then it is not followed, and curves do not wait for it. */
  opened = false;

  constructor(folder: RunFolder) {
    this.#folder = folder;
  }

  /** Indexes what has been added, for a quarter of a second at most. Returns whether there was anything new. */
  async poll(): Promise<boolean> {
    const tail = await this.#chosen();
    if (!tail) return false;
    const end = performance.now() + LOOK;
    let found = await tail.poll(SLICE);
    for (let more = found; more && tail.read < tail.size && performance.now() < end; ) {
      more = await tail.poll(SLICE);
      found ||= more;
    }
    return found;
  }

  /** See `LineTail.mark`. */
  get mark(): string {
    return `${this.#textOnly} ${this.#tail?.mark}`;
  }

  /** groups.jsonl, or where a run kept none, its trajectories. */
  async #chosen(): Promise<LineTail | undefined> {
    if (this.#tail && !this.#textOnly) return this.#tail;
    const has = async (path: string) => ((await stat(path).catch(() => undefined))?.size ?? 0) > 0;
    const groups = this.#folder.file('groups');
    if (await has(groups)) return this.#open(groups, false);
    if (this.#tail) return this.#tail;
    const trajectories = this.#folder.file('trajectories');
    return (await has(trajectories)) ? this.#open(trajectories, true) : undefined;
  }

  #open(path: string, textOnly: boolean): LineTail {
    this.#clear();
    this.#textOnly = textOnly;
    this.#tail = new LineTail(path, { line: (text, place) => this.#add(text, place), restart: () => this.#clear() });
    return this.#tail;
  }

  #clear(): void {
    this.#entries = [];
    this.#places = [];
    this.#left = 0;
    this.#damaged.clear();
  }

  #add(text: string, place: LinePlace): void {
    if (text.trim() === '') return;
    const group = this.#textOnly ? groupOfTrajectory(text) : groupOf(text, { tokens: false });
    if (!group) {
      this.#damaged.add(place.number);
      return;
    }
    if (this.#entries.length + group.rollouts.length > MOST) {
      this.#left += group.rollouts.length;
      return;
    }
    const number = this.#places.push(place) - 1;
    const { step, questionId } = group;
    const question = group.question.slice(0, QUESTION);
    for (const { sample, answer, outcome, lost, missed } of group.rollouts) {
      this.#entries.push({ group: number, sample, step, questionId, question, answer, outcome, lost, missed });
    }
  }

  get counts(): RolloutCounts {
    const { read = 0, size = 0 } = this.#tail ?? {};
    return { kept: this.#entries.length, read, size, textOnly: this.#textOnly };
  }

  get problems(): string[] {
    if (!this.#tail) return [];
    const left =
      this.#left === 0
        ? []
        : [`The list ends after ${MOST.toLocaleString('en-US')} rollouts; ${this.#left} more are not in it.`];
    return [...this.#damaged.sentences(shownPath(this.#tail.path), 'the JSON of a group of rollouts'), ...left];
  }

  page(filter: RolloutFilter): RolloutPage {
    this.opened = true;
    return { ...filterRollouts(this.#entries, filter), counts: this.counts, problems: this.problems };
  }

  /** In the order in which they were kept. */
  get entries(): readonly RolloutEntry[] {
    return this.#entries;
  }

  /** A group in full; undefined if there is none of this number, or its file is gone. */
  async group(number: number): Promise<GroupView | undefined> {
    const place = this.#places[number];
    if (!place || !this.#tail) return undefined;
    const text = await lineAt(this.#tail.path, place).catch(() => undefined);
    if (text === undefined) return undefined;
    return this.#textOnly ? groupOfTrajectory(text) : groupOf(text);
  }
}

/** A line of groups.jsonl, with its tokens unless they are not wanted; undefined if it is damaged. */
export function groupOf(line: string, { tokens = true } = {}): GroupView | undefined {
  try {
    const { step, questionId, question, answers, initialMemory, chunks, rollouts } = keptGroupSchema.parse(
      JSON.parse(line),
    );
    const relevant = chunks.map(({ parts }) =>
      parts.flatMap((part) => ('text' in part && part.relevant ? part.text : [])).join('\n'),
    );
    return {
      step,
      questionId,
      question,
      answers,
      initialMemory,
      chunks,
      rollouts: rollouts.map(({ sample, outcome, answer, turns }) => {
        const views = turns.map((turn) => turnOf(turn, tokens));
        return { sample, outcome, answer, ...factsOf(answers, views, relevant), turns: views };
      }),
    };
  } catch {
    return undefined;
  }
}

type Turn = Omit<KeptTurn, 'promptTokens'>;

function turnOf(turn: Turn, withTokens: boolean): TurnView {
  const { kind, text, memory, stopReason, reward, score, advantage } = turn;
  return {
    kind,
    text,
    ...(memory !== undefined && { memory: typeof memory === 'string' ? memory : text.slice(...memory) }),
    stopReason,
    reward,
    score,
    advantage,
    ...(withTokens && { tokens: tokensOf(turn) }),
  };
}

function tokensOf({ text, lengths, student, teacher }: Turn): TokenView[] {
  const known = (values: readonly number[], at: number) => {
    const value = values[at] ?? Number.NaN;
    return Number.isNaN(value) ? null : value;
  };
  const own = unpackedLogProbabilities(student);
  const other = teacher === undefined ? undefined : unpackedLogProbabilities(teacher);
  let end = 0;
  return unpacked(lengths).map((length, at): TokenView => {
    const token = { text: text.slice(end, end + length), student: known(own, at) };
    end += length;
    return other ? { ...token, teacher: known(other, at) } : token;
  });
}

/** A line of trajectories.jsonl, whose memories are what was written, as a group of one. */
function groupOfTrajectory(line: string): GroupView | undefined {
  try {
    const { step, questionId, question, answers, sample, outcome, output, turns } = trajectorySchema.parse(
      JSON.parse(line),
    );
    const views = turns.map(({ kind, text, stopReason, reward, score, advantage }): TurnView => {
      return {
        kind,
        text,
        ...(kind === 'memory' && { memory: text }),
        stopReason,
        reward,
        score: score ?? undefined,
        advantage,
      };
    });
    const rollout: RolloutView = { sample, outcome, answer: output, ...factsOf(answers, views, []), turns: views };
    return { step, questionId, question, answers, initialMemory: '', rollouts: [rollout] };
  } catch {
    return undefined;
  }
}

function factsOf(answers: readonly string[], turns: readonly TurnView[], relevant: readonly string[]) {
  const memories = turns.flatMap(({ kind, memory }) => (kind === 'memory' ? (memory ?? '') : []));
  return { lost: lostWords(answers, memories), missed: missedWords(answers, memories, relevant) };
}
