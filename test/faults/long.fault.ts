/** Memory and file descriptors stay flat over a long training run and a long reading. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CAMPAIGN, fault } from './campaign.js';

interface Sample {
  /** Steps or turns. */
  done: number;
  rss: number;
  heapUsed: number;
  descriptors: number;
}

const MEGABYTE = 2 ** 20;
/** The beginning, in which caches are filled, does not count. */
const WARM_UP = 0.2;
/** Megabytes between the first and the last quarter of what counts: the allocator's own unrest. */
const UNREST = 16;

async function samplesOf(what: 'train' | 'read', count: number, folder: string): Promise<Sample[]> {
  const file = fileURLToPath(new URL('long-run.mjs', import.meta.url));
  const args = ['--expose-gc', file, what, String(count), folder];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  const samples: Sample[] = [];
  for await (const line of createInterface({ input: child.stdout })) samples.push(JSON.parse(line));
  const code = await ended;
  if (code !== 0) throw new Error(`it ended with ${code}`);
  return samples;
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Least squares: how much `value` grows from one step or turn to the next. */
function slopeOf(samples: readonly Sample[], value: (sample: Sample) => number): number {
  const [at, of] = [mean(samples.map(({ done }) => done)), mean(samples.map(value))];
  const [up, across] = samples.reduce(
    ([product, square], sample) => {
      const distance = sample.done - at;
      return [product + distance * (value(sample) - of), square + distance ** 2];
    },
    [0, 0],
  );
  return up / across;
}

for (const [what, count, unit] of [
  ['train', CAMPAIGN.steps, 'training steps'],
  ['read', CAMPAIGN.turns, 'reading turns'],
] as const) {
  fault('long', `${unit} in one process: memory and file descriptors flat`, async (row, folder) => {
    const samples = await samplesOf(what, count, join(folder, 'out'));
    row.tried = samples.at(-1)?.done ?? 0;
    if (row.tried < count) row.fail(`only ${row.tried} ${unit} were done`);
    const counted = samples.slice(Math.floor(samples.length * WARM_UP));
    const quarter = Math.floor(counted.length / 4);
    const growth = (value: (sample: Sample) => number) =>
      (mean(counted.slice(-quarter).map(value)) - mean(counted.slice(0, quarter).map(value))) / MEGABYTE;
    const [rss, heap] = [growth(({ rss }) => rss), growth(({ heapUsed }) => heapUsed)];
    const slope = (slopeOf(counted, ({ rss }) => rss) * 1000) / MEGABYTE;
    const descriptors = counted.map((sample) => sample.descriptors);
    const [fewest, most] = [Math.min(...descriptors), Math.max(...descriptors)];
    if (rss > UNREST) row.fail(`resident memory grew by ${rss.toFixed(1)} MB`);
    if (heap > UNREST) row.fail(`the heap grew by ${heap.toFixed(1)} MB`);
    if (descriptors.at(-1)! > descriptors[0])
      row.fail(`descriptors went from ${descriptors[0]} to ${descriptors.at(-1)}`);
    const end = Math.round(counted.at(-1)!.rss / MEGABYTE);
    row.notes = `${slope.toFixed(2)} MB per 1,000 ${unit}, ${end} MB at the end; ${fewest} to ${most} descriptors`;
  });
}
