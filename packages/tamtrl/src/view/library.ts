/** What there is to look at in the folders that were named, found again as it appears. */
import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { exists } from '../base/files.js';
import { differences } from '../base/objects.js';
import { RESULTS, SETTINGS } from '../eval/evaluation.js';
import { isComparison } from '../run/comparison-folder.js';
import { EVALUATION, TRAINING } from '../run/comparison-plan.js';
import { RUN_FILES } from '../run/folder.js';
import { ComparisonSource } from './comparison-source.js';
import { EvaluationSource } from './evaluation-source.js';
import { ReadingSource, savedStateIn } from './reading-source.js';
import { RunSource } from './run-source.js';
import { seedBand, widthFor } from './series.js';
import type { Curves, Overview, SourceKind, SourceSummary } from './types.js';

export type Source = RunSource | EvaluationSource | ComparisonSource | ReadingSource;

/** Folders within a named one that are looked into, and theirs. */
const DEPTH = 2;
/** Entries of a folder that are looked at. */
const MOST_ENTRIES = 2000;

export class Library {
  readonly #paths: readonly string[];
  readonly #sources = new Map<string, Source>();
  /** JSON files that are no saved readings, by their time of writing. */
  readonly #passed = new Map<string, number>();
  #problems: string[] = [];

  /** @param paths of folders and of saved readings */
  constructor(paths: readonly string[]) {
    this.#paths = paths.map((path) => resolve(path));
  }

  /** Looks for what is new. */
  async scan(): Promise<void> {
    const problems: string[] = [];
    for (const path of this.#paths) {
      const before = this.#sources.size;
      const known = [...this.#sources.values()].some(
        (source) => source.path === path || source.path.startsWith(`${path}/`),
      );
      await this.#look(path, DEPTH, true);
      if (this.#sources.size === before && !known) problems.push(await nothingIn(path));
    }
    this.#problems = problems;
  }

  async #look(path: string, depth: number, named: boolean): Promise<void> {
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile()) {
      if (named || path.endsWith('.json')) await this.#lookAtFile(path, found.mtimeMs);
      return;
    }
    if (!found?.isDirectory()) return;
    const kind = await kindOf(path);
    if (kind === 'run') this.#add(path, (id) => new RunSource(id, path));
    else if (kind === 'evaluation') this.#add(path, (id) => new EvaluationSource(id, path));
    else if (kind === 'comparison') await this.#addComparison(path);
    else if (depth > 0) {
      for (const name of await namesIn(path)) await this.#look(join(path, name), depth - 1, false);
    }
  }

  async #lookAtFile(path: string, changed: number): Promise<void> {
    if (this.#sources.has(idOf(path)) || this.#passed.get(path) === changed) return;
    if (await savedStateIn(path)) this.#add(path, (id) => new ReadingSource(id, path));
    else this.#passed.set(path, changed);
  }

  async #addComparison(path: string): Promise<void> {
    const comparison = this.#add(path, (id) => new ComparisonSource(id, path));
    for (const name of await namesIn(join(path, TRAINING))) {
      const place = join(path, TRAINING, name);
      if ((await kindOf(place)) !== 'run') continue;
      const run = this.#add(place, (id) => new RunSource(id, place, comparison.id));
      if (comparison instanceof ComparisonSource && !comparison.runs.includes(run.id)) comparison.runs.push(run.id);
    }
    for (const name of await namesIn(join(path, EVALUATION))) {
      const place = join(path, EVALUATION, name);
      if ((await kindOf(place)) === 'evaluation')
        this.#add(place, (id) => new EvaluationSource(id, place, comparison.id));
    }
  }

  #add<Kind extends Source>(path: string, make: (id: string) => Kind): Source {
    const id = idOf(path);
    const known = this.#sources.get(id);
    if (known) return known;
    const source = make(id);
    this.#sources.set(id, source);
    return source;
  }

  async overview(): Promise<Overview> {
    const sources: SourceSummary[] = [];
    for (const source of this.#sources.values()) sources.push(await source.summary());
    const names = new Map<string, number>();
    for (const { name } of sources) names.set(name, (names.get(name) ?? 0) + 1);
    return {
      // Of several with one name, each shows more of its path.
      sources: sources.map((source) =>
        names.get(source.name) === 1
          ? source
          : { ...source, name: `${basename(dirname(this.#sources.get(source.id)!.path))}/${source.name}` },
      ),
      problems: this.#problems,
    };
  }

  get(id: string): Source | undefined {
    return this.#sources.get(id);
  }

  get sources(): readonly Source[] {
    return [...this.#sources.values()];
  }

  /** Curves of runs: each on its own, or those that differ in nothing but their seed as one. */
  async curves(ids: readonly string[], bySeed: boolean): Promise<Curves> {
    const chosen = ids.map((id) => this.#sources.get(id)).filter((source) => source instanceof RunSource);
    const runs = await Promise.all(
      chosen.map(async (source) => ({ ...(await source.numbers()), name: basename(source.path) })),
    );
    const width = widthFor(runs);
    const configs = runs.map(({ config }) => plainSettings(config));
    const differing = differingSettings(configs);
    const sets = await Promise.all(chosen.map((source, at) => source.curves(runs[at].name, width)));
    const table = [
      ['setting', ...runs.map(({ name }) => name)],
      ...differing.map((path) => [path, ...configs.map((config) => valueAt(config, path))]),
    ];
    if (!bySeed) return { sets, differing: table };
    const kinds = new Map<string, number[]>();
    configs.forEach((config, at) => {
      const { seed: _, ...others } = config;
      const key = JSON.stringify(others);
      kinds.set(key, [...(kinds.get(key) ?? []), at]);
    });
    const bands = [...kinds.values()].map((members) =>
      members.length === 1
        ? sets[members[0]]
        : seedBand(
            `${runs[members[0]].label}, ${members.length} seeds`,
            members.map((at) => sets[at]),
          ),
    );
    return { sets: bands, differing: table };
  }
}

/** The same for the same path, so that links to a view stay. */
export function idOf(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, 10);
}

async function kindOf(path: string): Promise<SourceKind | undefined> {
  const has = (name: string) => exists(join(path, name));
  if (await isComparison(path)) return 'comparison';
  if ((await has(RUN_FILES.info)) || ((await has(RUN_FILES.config)) && (await has(RUN_FILES.metrics)))) return 'run';
  if ((await has(SETTINGS)) && (await has(RESULTS))) return 'evaluation';
  return undefined;
}

async function namesIn(path: string): Promise<string[]> {
  const names = await readdir(path).catch(() => []);
  return names
    .filter((name) => !name.startsWith('.') && name !== 'node_modules')
    .sort()
    .slice(0, MOST_ENTRIES);
}

async function nothingIn(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return `${path} is not there (yet). Check the path; if a run begins there, it appears here.`;
  if (found.isFile()) {
    return `${path} is no saved reading: expected what "tamtrl ask --state" writes. Name such a file, or the folder of a run, an evaluation or a comparison.`;
  }
  return `${path} holds no run, evaluation, comparison or saved reading. Name the folder that --out or "out" named, or one with several of them.`;
}

type Settings = Readonly<Record<string, unknown>>;

function plainSettings(config: Settings): Settings {
  return JSON.parse(JSON.stringify(config)) as Settings;
}

function differingSettings(configs: readonly Settings[]): string[] {
  const [first, ...others] = configs;
  return [...new Set(others.flatMap((other) => differences(first, other).map(({ path }) => path)))];
}

function valueAt(config: Settings, path: string): string {
  const value = path
    .split('.')
    .reduce<unknown>((here, key) => (here as Record<string, unknown> | undefined)?.[key], config);
  return value === undefined ? 'not set' : typeof value === 'string' ? value : JSON.stringify(value);
}
