/** An evaluation, as the inspector follows it. */
import { basename, join } from 'node:path';
import { percent } from '../base/format.js';
import { readJsonObject } from '../data/files/output.js';
import { RESULTS, SETTINGS } from '../eval/evaluation.js';
import { type RecordResult, resultSchema, type Summary, summarize } from '../eval/results.js';
import { METRICS } from '../reward/outcome.js';
import { PAGE } from './filter.js';
import { settingsTable } from './run-source.js';
import { shownPath } from './shown-path.js';
import { DamagedLines, LineTail } from './tail.js';
import type { EvaluationDetails, EvaluationPage, SourceSummary, Table } from './types.js';

/** Which records are shown. */
export interface RecordFilter {
  show: 'all' | 'right' | 'wrong';
  text: string;
  from: number;
}

export class EvaluationSource {
  readonly id: string;
  readonly path: string;
  readonly #part: string | undefined;
  readonly #tail: LineTail;
  readonly #damaged = new DamagedLines();
  #results: RecordResult[] = [];
  /** Somebody has looked at it; until then its results are not read. */
  #opened = false;

  constructor(id: string, path: string, part?: string) {
    this.id = id;
    this.path = path;
    this.#part = part;
    this.#tail = new LineTail(join(path, RESULTS), {
      line: (text, { number }) => {
        if (text.trim() === '') return;
        const parsed = resultOf(text);
        if (parsed) this.#results.push(parsed);
        else this.#damaged.add(number);
      },
      restart: () => {
        this.#results = [];
        this.#damaged.clear();
      },
    });
  }

  poll(): Promise<boolean> {
    return this.#opened ? this.#tail.poll() : this.#tail.look();
  }

  /** See `LineTail.mark`. */
  get mark(): string {
    return String(this.#tail.mark);
  }

  async summary(): Promise<SourceSummary> {
    await this.poll();
    const gone = this.#tail.changed === 0 ? [`${shownPath(this.#tail.path)} is not there.`] : [];
    return {
      id: this.id,
      kind: 'evaluation',
      name: basename(this.path),
      path: shownPath(this.path),
      about: 'evaluation',
      changed: this.#tail.changed,
      ...(this.#part !== undefined && { part: this.#part }),
      problems: [...gone, ...this.#damaged.sentences(shownPath(this.#tail.path), 'the result of a record')],
    };
  }

  async details(): Promise<EvaluationDetails> {
    this.#opened = true;
    const source = await this.summary();
    const settings = await readJsonObject(join(this.path, SETTINGS));
    const whole = summarize(this.#results);
    return {
      source,
      settings: settingsTable(settings ?? {}),
      results: [['metric', 'mean', '95 % interval'], ...scoreRows(whole)],
      byLength: [
        ['tokens of the text', 'records', ...whole.metric],
        ...whole.by_length.map((range) => [
          `${range.from.toLocaleString('en-US')} to ${range.to.toLocaleString('en-US')}`,
          String(range.records),
          ...whole.metric.map((metric) => {
            const found = range.metrics[metric];
            return found ? percent(found.mean) : '';
          }),
        ]),
      ],
      records: this.#results.length,
    };
  }

  async page({ show, text, from }: RecordFilter): Promise<EvaluationPage> {
    this.#opened = true;
    await this.poll();
    const wanted = text.trim().toLowerCase();
    const scored = this.#results.map((result) => ({ result, score: result[result.metric ?? 'exact_match'] ?? 0 }));
    const fitting = scored.filter(({ result, score }) => {
      if (show === 'right' && score < 1) return false;
      if (show === 'wrong' && score >= 1) return false;
      const { question = '', id, answer } = result;
      return wanted === '' || [question, id, answer].join('\n').toLowerCase().includes(wanted);
    });
    return {
      total: fitting.length,
      records: fitting.slice(from, from + PAGE).map(({ result, score }) => {
        const { id, question = '', answers = [], answer, output, error, length, turns } = result;
        return { id, question, answers, answer, output, score, ...(error !== undefined && { error }), length, turns };
      }),
    };
  }
}

function resultOf(text: string): RecordResult | undefined {
  try {
    return resultSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function scoreRows({ metrics }: Summary): Table {
  return METRICS.flatMap((metric) => {
    const found = metrics[metric];
    return found ? [[metric, percent(found.mean), `${percent(found.low)} to ${percent(found.high)}`]] : [];
  });
}
