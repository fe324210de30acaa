/**
 * Puts a trained model into the package as `babi`, in bfloat16: `npm run make:babi -- RUN`, where RUN is the folder of
 * `tamtrl sft --preset babilong` or of a run that continued from one.
 */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EMBEDDED_BABI } from '../packages/tamtrl/dist/models/embedded.js';
import { openModel } from '../packages/tamtrl/dist/models/open.js';
import { checkpointOf } from '../packages/tamtrl/dist/models/run-checkpoints.js';

const [run] = process.argv.slice(2);
if (run === undefined) throw new Error('Name the folder of the run: npm run make:babi -- RUN.');
const policy = await openModel(run);
const folder = await mkdtemp(join(tmpdir(), 'tamtrl-babi-'));
try {
  await policy.engine.exportModel(folder, { dtype: 'BF16' });
  for (const name of ['config.json', 'generation_config.json', 'model.safetensors'])
    await cp(join(folder, name), join(EMBEDDED_BABI, name));
  // How it was trained to read.
  await cp(join(await checkpointOf(run), 'tamtrl.json'), join(EMBEDDED_BABI, 'tamtrl.json'));
  console.error(`Written to ${EMBEDDED_BABI}`);
} finally {
  await policy.close();
  await rm(folder, { recursive: true });
}
