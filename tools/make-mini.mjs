/**
 * Makes the warm start of the embedded model from its seed: `npm run make:mini -- [FOLDER]`, by default the one that
 * the package ships.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { miniChat, miniTokenizer, miniTokenizerFiles } from '../packages/tamtrl/dist/data/mini/tokenizer.js';
import { MINI_MODEL, MINI_MODEL_SEED } from '../packages/tamtrl/dist/models/embedded.js';
import { openLocalPolicy } from '../packages/tamtrl/dist/policy/local.js';
import { RunFolder } from '../packages/tamtrl/dist/run/folder.js';
import { MINI_WARM_UP } from '../packages/tamtrl/dist/run/presets/mini.js';
import { openSources } from '../packages/tamtrl/dist/run/sources.js';
import { sftConfigSchema } from '../packages/tamtrl/dist/train/config.js';
import { warmUp } from '../packages/tamtrl/dist/train/sft.js';

const shipped = fileURLToPath(new URL('../packages/tamtrl/models/mini', import.meta.url));
const folder = process.argv[2] ?? shipped;
const config = sftConfigSchema.parse(MINI_WARM_UP);
const bytes = (value) => new TextEncoder().encode(`${JSON.stringify(value)}\n`);
const { tokenizer, config: tokenizerConfig } = miniTokenizerFiles();
const files = { 'tokenizer.json': bytes(tokenizer), 'tokenizer_config.json': bytes(tokenizerConfig) };
const policy = await openLocalPolicy(
  { config: MINI_MODEL, seed: MINI_MODEL_SEED, files },
  { tokenizer: miniTokenizer(), chat: miniChat },
);
const run = await mkdtemp(join(tmpdir(), 'tamtrl-mini-'));
try {
  const sources = await openSources(config, policy.tokenizer, { needsRelevance: true });
  const started = Date.now();
  for await (const event of warmUp({ config, policy, ...sources, store: new RunFolder(run) })) {
    if (event.type === 'evaluation')
      console.error(`step ${event.metrics.step}: held-out exact match ${event.metrics.exact_match.toFixed(3)}`);
    if (event.type !== 'step' || event.metrics.step % 50 !== 0) continue;
    const { step, loss } = event.metrics;
    const left = (((Date.now() - started) / step) * (config.steps - step)) / 1000;
    console.error(`step ${step} of ${config.steps}, loss ${loss.toFixed(4)}, about ${Math.ceil(left)} s left`);
  }
  await policy.exportModel(folder);
  console.error(`Written to ${folder}`);
} finally {
  await policy.close();
  await rm(run, { recursive: true });
}
