/** The YAML file of a comparison. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { suggestion } from '../base/nearest.js';
import { metricSchema } from '../data/metrics.js';
import { READERS } from '../eval/readers.js';
import { readingSchema } from '../memory/reading-settings.js';
import { keptFolderNames } from './comparison-mark.js';
import { type FolderNames, folderNames } from './comparison-names.js';
import { RunError } from './errors.js';
import { findRecipe, recipes } from './recipes.js';
import { type Expanded, expandSweeps } from './sweep.js';
import { readYamlFile, type YamlFile } from './yaml-file.js';

const count = z.number().int().min(1);
const settings = z.record(z.string(), z.unknown());

const methodSchema = z.strictObject({
  /** In the tables. */
  name: z.string().min(1),
  /** Method of `tamtrl train`; absent: the model is taken as it is. */
  train: z.string().optional(),
  /** Settings of `tamtrl train` for this method alone. */
  settings: settings.optional(),
  /** Lists of values for its settings: each combination is a method of its own. */
  sweep: settings.optional(),
  /** How it reads: with memory, or what fits into the window. */
  reader: z.enum(READERS).default('agent'),
});

const benchmarkSchema = z.strictObject({
  name: z.string().min(1),
  /** JSONL of question records, or the generated mini task. */
  data: z.union([
    z.string(),
    z.strictObject({
      kind: z.literal('mini'),
      chunks: count,
      facts: count,
      queries: count.default(3),
      seed: z.number().int().default(1_000_003),
    }),
  ]),
  questions: count.default(100),
  /** Absent: what each record or its source names, as for `tamtrl eval`. */
  metric: metricSchema.optional(),
  chunkTokens: count.optional(),
  memoryTokens: count.optional(),
  answerTokens: count.optional(),
  questionTokens: count.optional(),
  contextTokens: count.optional(),
  /** Rules and wording of every reading, as `tamtrl eval` has flags for them; absent: as each model was trained. */
  empty: readingSchema.shape.empty.unwrap().optional(),
  parallel: readingSchema.shape.parallel,
  mergeWidth: readingSchema.shape.mergeWidth,
  align: readingSchema.shape.align.unwrap().optional(),
  prompts: readingSchema.shape.prompts.unwrap().optional(),
  documents: readingSchema.shape.documents.optional(),
  thinking: z.boolean().optional(),
});

export const compareSchema = z.strictObject({
  /** Folder of runs, results and tables. */
  out: z.string().default('runs/compare'),
  model: z.string().default('mini'),
  seeds: z.array(z.number().int().min(0)).min(1),
  /** Differences are from this method. */
  baseline: z.string(),
  /** Preset and settings that all trained methods share. */
  preset: z.string().optional(),
  train: settings.optional(),
  /** Lists of values for settings of all trained methods that do not set them themselves. */
  sweep: settings.optional(),
  methods: z.array(methodSchema).min(1),
  benchmarks: z.array(benchmarkSchema).min(1),
  /** Table of ablations: variants, against the method that they are variants of. */
  ablations: z.strictObject({ of: z.string(), variants: z.array(z.string()).min(1) }).optional(),
  /** Records read side by side when answers are scored. */
  concurrency: count.default(64),
});

/** One of the file's methods, or one combination of the settings that it sweeps. */
export type CompareMethod = Expanded<z.output<typeof methodSchema>>;
export type CompareBenchmark = z.output<typeof benchmarkSchema>;

export type CompareConfig = Omit<z.output<typeof compareSchema>, 'methods' | 'sweep'> & {
  methods: CompareMethod[];
  /** Path of the YAML file. */
  file: string;
  /** Where in it each setting stands. */
  source: YamlFile;
  /** What the folders of methods and benchmarks are called. */
  folders: FolderNames;
};

const KEYS: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(compareSchema.shape),
  methods: Object.keys(methodSchema.shape),
  benchmarks: Object.keys(benchmarkSchema.shape),
  ablations: ['of', 'variants'],
};

/** @throws RunError with line and column for everything that is wrong. */
export async function readCompareConfig(path: string): Promise<CompareConfig> {
  const file = await readYamlFile(path);
  const parsed = compareSchema.safeParse(file.settings);
  if (!parsed.success) {
    const lines = parsed.error.issues.flatMap((issue) => {
      if (issue.code === 'unrecognized_keys') {
        const known = KEYS[String(issue.path[0] ?? '')] ?? [];
        return issue.keys.map(
          (key) => `${file.place([...issue.path, key], 'key')}: unknown setting "${key}". ${suggestion(key, known)}`,
        );
      }
      return [
        `${file.place(issue.path)}: ${issue.path.join('.')}: ${issue.message.replace(/^Invalid (input|option): /, '')}.`,
      ];
    });
    throw new RunError('settings', lines.join('\n'));
  }
  const { sweep, ...config } = parsed.data;
  const { methods, problems } = expandSweeps(config.methods, sweep, config.seeds.length, file);
  if (problems.length > 0) throw new RunError('settings', problems.join('\n'));
  const names = methods.map(({ name }) => name);
  const variants = (of: string) => methods.filter(({ variant }) => variant?.of === of).map(({ name }) => name);
  const expectName = (name: string, place: readonly PropertyKey[]) => {
    if (names.includes(name)) return;
    const of = variants(name);
    const what =
      of.length === 0
        ? `there is no method "${name}" in this file. ${suggestion(name, names)}`
        : `"${name}" is swept, so name one of its combinations, such as "${of[0]}".`;
    problems.push(`${file.place(place)}: ${what}`);
  };
  expectName(config.baseline, ['baseline']);
  const { ablations } = config;
  if (ablations) {
    expectName(ablations.of, ['ablations', 'of']);
    ablations.variants.forEach((name, at) => {
      if (variants(name).length === 0) expectName(name, ['ablations', 'variants', at]);
    });
    // A swept method stands for all its combinations.
    ablations.variants = ablations.variants.flatMap((name) => (names.includes(name) ? name : variants(name)));
  }
  methods.forEach(({ name, train, at, variant }, number) => {
    const twice = names.indexOf(name) !== number;
    if (twice) problems.push(`${file.place(['methods', at])}: the name "${name}" comes twice.`);
    if (train === undefined || findRecipe(train)) return;
    const known = recipes.map((recipe) => recipe.name);
    const place = variant?.values.find(({ path }) => path[0] === 'method')?.place ?? ['methods', at, 'train'];
    problems.push(`${file.place(place)}: there is no method "${train}" to train. ${suggestion(train, known)}`);
  });
  const benchmarks = config.benchmarks.map(({ name }) => name);
  benchmarks.forEach((name, at) => {
    if (benchmarks.indexOf(name) !== at)
      problems.push(`${file.place(['benchmarks', at])}: the name "${name}" comes twice.`);
  });
  if (problems.length > 0) throw new RunError('settings', [...new Set(problems)].join('\n'));
  const out = resolve(config.out);
  const named = methods.map(({ name, variant }) => ({ name, isVariant: variant !== undefined }));
  const folders = folderNames(named, config.benchmarks, await keptFolderNames(out));
  return { ...config, methods, folders, file: path, source: file, out };
}
