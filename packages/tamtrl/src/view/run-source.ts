/** A run, as the inspector follows it. */
import { basename } from 'node:path';
import { differences } from '../base/objects.js';
import { comparisonRows, costRows, evaluationsOf, stepsOf } from '../report/summary.js';
import { RUN_FILES, RunFolder } from '../run/folder.js';
import { parseMetricsLine } from '../run/metrics-file.js';
import { parseSettings } from '../run/read.js';
import type { Reading } from '../run/readings.js';
import type { MetricsLine } from '../train/metrics.js';
import { Watchdog } from '../train/watchdog.js';
import { lostWords } from './facts.js';
import { RolloutIndex } from './rollouts.js';
import { curveSet, type RunNumbers } from './series.js';
import { shownPath } from './shown-path.js';
import { DamagedLines, LineTail } from './tail.js';
import type { CurveSet, Readings, ReadingView, RunDetails, SourceSummary, Table } from './types.js';

export class RunSource {
  readonly id: string;
  readonly path: string;
  readonly rollouts: RolloutIndex;
  readonly #folder: RunFolder;
  readonly #part: string | undefined;
  readonly #metrics: LineTail;
  readonly #damaged = new DamagedLines();
  #lines: MetricsLine[] = [];
  #settings: Settings | undefined;
  #problem: string | undefined;
  #curves: { key: string; last: MetricsLine | undefined; set: CurveSet } | undefined;
  /** Somebody has looked at it; until then its numbers are not read. */
  #opened = false;

  /** @param part the comparison that it belongs to */
  constructor(id: string, path: string, part?: string) {
    this.id = id;
    this.path = path;
    this.#part = part;
    this.#folder = new RunFolder(path);
    this.rollouts = new RolloutIndex(this.#folder);
    this.#metrics = new LineTail(this.#folder.file('metrics'), {
      line: (text, { number }) => {
        if (text.trim() === '') return;
        const line = parseMetricsLine(text);
        if (line) this.#lines.push(line);
        else this.#damaged.add(number);
      },
      restart: () => {
        this.#lines = [];
        this.#damaged.clear();
      },
    });
  }

  /** Reads what is new. Returns whether there was anything. */
  async poll(): Promise<boolean> {
    if (!this.#opened) return this.#metrics.look();
    const metrics = await this.#metrics.poll();
    const rollouts = this.rollouts.opened && (await this.rollouts.poll());
    return metrics || rollouts;
  }

  /** See `LineTail.mark`; that of the rollouts, which take seconds to index, is theirs. */
  get mark(): string {
    return String(this.#metrics.mark);
  }

  /** Settings are read once they can be, and again after an error. */
  async #read(): Promise<Settings> {
    if (this.#settings && this.#problem === undefined) return this.#settings;
    try {
      const { info, config } = await this.#folder.readSettings();
      this.#settings = { ...info, config: objectOf(config) };
      this.#problem = undefined;
      await parseSettings(this.#folder);
    } catch (error) {
      this.#problem = (error as Error).message;
    }
    return this.#settings ?? { command: 'train', method: 'unknown', preset: 'unknown', started: '', config: {} };
  }

  async summary(): Promise<SourceSummary> {
    const { command, method, preset, config } = await this.#read();
    await (this.#opened ? this.#metrics.poll() : this.#metrics.look());
    const about = `${command === 'sft' ? 'warm-up' : method}, preset ${preset}, seed ${String(config.seed ?? '?')}`;
    return {
      id: this.id,
      kind: 'run',
      name: basename(this.path),
      path: shownPath(this.path),
      about,
      changed: this.#metrics.changed,
      ...(this.#part !== undefined && { part: this.#part }),
      problems: this.#problems,
    };
  }

  get #problems(): string[] {
    const { metrics } = RUN_FILES;
    const gone =
      this.#metrics.changed === 0
        ? [
            this.#lines.length > 0
              ? `${shownPath(this.path)} is no longer there. What had been read is shown.`
              : `${shownPath(this.#folder.file('metrics'))} is not there: nothing was written yet, or the folder was moved.`,
          ]
        : [];
    return [
      ...(this.#problem === undefined ? [] : [this.#problem]),
      ...gone,
      ...this.#damaged.sentences(`${shownPath(this.path)}/${metrics}`, 'a JSON object with a step'),
    ];
  }

  async numbers(): Promise<RunNumbers & { label: string; config: Readonly<Record<string, unknown>> }> {
    this.#opened = true;
    const { method, config } = await this.#read();
    await this.#metrics.poll();
    return { id: this.id, seed: Number(config.seed ?? 0), lines: this.#lines, label: method, config };
  }

  /** Every line that can be read, in order. */
  get lines(): readonly MetricsLine[] {
    return this.#lines;
  }

  /** Means over `width` steps, made again only if there are new lines. */
  async curves(label: string, width: number): Promise<CurveSet> {
    const run = await this.numbers();
    const key = `${label} ${width} ${this.#lines.length}`;
    const last = this.#lines.at(-1);
    const known = this.#curves;
    if (known?.last === last && known?.key === key) return known.set;
    const set = curveSet(label, run, width);
    this.#curves = { key, last, set };
    return set;
  }

  async details(): Promise<RunDetails> {
    this.#opened = true;
    const source = await this.summary();
    const { command, method, preset, started, config } = await this.#read();
    const steps = stepsOf(this.#lines);
    const cost = costRows(steps);
    const readings = await this.#folder.readReadings().catch(() => undefined);
    return {
      source,
      command,
      method,
      preset,
      seed: Number(config.seed ?? 0),
      started,
      steps: { done: steps.at(-1)?.step ?? 0, planned: Number(config.steps ?? 0) },
      tables: {
        results: evaluationsOf(this.#lines).length > 0 ? comparisonRows({ metrics: this.#lines }) : [],
        seconds: cost.seconds,
        tokens: cost.tokens,
      },
      warnings: await this.#warnings(),
      settings: settingsTable(config),
      readings: readings?.before.length ?? 0,
    };
  }

  async #warnings(): Promise<string[]> {
    const settings = await parseSettings(this.#folder).catch(() => undefined);
    if (settings?.command !== 'train') return [];
    const watchdog = new Watchdog(settings.config);
    return this.#lines.flatMap((line) => (line.kind === 'step' ? watchdog.observe(line) : []));
  }

  /** @throws RunError `no-run` for a damaged file */
  async readings(): Promise<Readings> {
    const { before, after } = await this.#folder.readReadings();
    return {
      metric: before[0]?.metric ?? 'exact_match',
      pairs: before.map((first, at) => {
        const { id, question, answers } = first;
        const last = after?.[at];
        return { id, question, answers, before: viewOf(first), ...(last && { after: viewOf(last) }) };
      }),
    };
  }
}

interface Settings {
  command: string;
  method: string;
  preset: string;
  started: string;
  config: Readonly<Record<string, unknown>>;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** Path and value of every setting. */
export function settingsTable(settings: object): Table {
  const rows = differences({}, settings).flatMap(({ path, now }) => leaves(path, now));
  return [['setting', 'value'], ...rows];
}

function leaves(path: string, value: unknown): [string, string][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path, shown(value)]];
  return Object.entries(value).flatMap(([key, own]) => leaves(`${path}.${key}`, own));
}

const shown = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));

function viewOf({ answer, output, score, right, turns, answers }: Reading): ReadingView {
  const lost = lostWords(
    answers,
    turns.map(({ memory }) => memory),
  );
  return { answer, output, score: score ?? Number(right), right, lost, turns };
}
