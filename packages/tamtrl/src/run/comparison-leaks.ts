/** Benchmarks must not hold what the methods of a comparison are trained on. */
import { count } from '../base/format.js';
import { keyOf, type RecordKey, sharedNames, sharedRecords } from '../data/overlap.js';
import { readRecords } from '../data/records.js';
import type { RunConfig } from '../train/config.js';
import type { CompareBenchmark, CompareConfig } from './comparison-config.js';
import { type Refusals, trainingConfig } from './comparison-settings.js';
import { RunError } from './errors.js';

/** @throws RunError with line and column of every benchmark that shares questions with a training. */
export async function requireUnseenBenchmarks(config: CompareConfig, refused: Refusals = new Map()): Promise<void> {
  const trainings = await dataOfTrainings(config, refused);
  const files = new Map<string, RecordKey[]>();
  const keysIn = async (path: string) => {
    const known = files.get(path);
    if (known) return known;
    const keys: RecordKey[] = [];
    // Ids of different files may be the same by chance: the content tells.
    for await (const record of readRecords(path)) keys.push({ ...keyOf(record), id: `${path}: ${record.id}` });
    files.set(path, keys);
    return keys;
  };
  const problems: string[] = [];
  for (const [at, benchmark] of config.benchmarks.entries()) {
    for (const [method, data] of trainings) {
      const what = await sharedWith(benchmark, data, keysIn);
      if (what === undefined) continue;
      problems.push(`${config.source.place(['benchmarks', at, 'data'])}: ${what} (method ${method}).`);
      break;
    }
  }
  if (problems.length > 0) throw new RunError('settings', problems.join('\n'));
}

/** What each method is trained on, the same data once. */
async function dataOfTrainings(config: CompareConfig, refused: Refusals): Promise<[string, RunConfig['data']][]> {
  const found = new Map<string, [string, RunConfig['data']]>();
  for (const method of config.methods) {
    if (method.train === undefined || refused.has(method.name)) continue;
    const { data } = await trainingConfig(config, method, config.seeds[0]);
    const key = JSON.stringify(data);
    if (!found.has(key)) found.set(key, [method.name, data]);
  }
  return [...found.values()];
}

async function sharedWith(
  { data, questions }: CompareBenchmark,
  training: RunConfig['data'],
  keysIn: (path: string) => Promise<RecordKey[]>,
): Promise<string | undefined> {
  if (typeof data === 'string' && training.kind === 'records') {
    const asked = (await keysIn(data)).slice(0, questions);
    const shared = sharedRecords(await keysIn(training.train), asked);
    if (shared.length === 0) return undefined;
    return `${count(shared.length)} of the ${count(asked.length)} records of ${data} are also in ${training.train}, which is trained on: ${sharedNames(shared)}`;
  }
  if (typeof data === 'string' || training.kind !== 'mini') return undefined;
  const isSame =
    data.seed === training.trainingSeed &&
    data.chunks === training.chunks &&
    data.facts === training.factsPerChunk &&
    data.queries === training.queries;
  return isSame ? `the questions with seed ${data.seed} are those that are trained on` : undefined;
}
