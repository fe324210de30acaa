/**
 * Records what passes between the client and a real server, for packages/tamtrl/fixtures/tinker/:
 *   node tools/tinker/record.mjs 'tinker:http://127.0.0.1:8123?server=skyrl-jax&rank=8&pad=64#MODEL_FOLDER' OUT.json
 * Requests and replies in protobuf are written in base64; official.py adds what the official SDK reads in them.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openModel } from '../../packages/tamtrl/dist/models/open.js';
import { parseModelSpec } from '../../packages/tamtrl/dist/models/spec.js';

const [spec, out] = process.argv.slice(2);
const { model } = parseModelSpec(spec);
const exchanges = [];
const content = (type, bytes) => {
  if (type?.startsWith('application/x-protobuf')) return { base64: Buffer.from(bytes).toString('base64') };
  const text = Buffer.from(bytes).toString().replaceAll(model, 'mini');
  try {
    return { json: JSON.parse(text) };
  } catch {
    return { text };
  }
};
const { fetch } = globalThis;
globalThis.fetch = async (url, options) => {
  const response = await fetch(url, options);
  const bytes = await response.clone().arrayBuffer();
  const path = String(url).split('/api/v1/')[1];
  if (path !== 'session_heartbeat') {
    exchanges.push({
      path,
      request: options.body === undefined ? undefined : content(options.headers['content-type'], options.body),
      status: response.status,
      reply: content(response.headers.get('content-type'), bytes),
    });
  }
  return response;
};

const policy = await openModel(spec);
const ids = policy.tokenizer.encode('anna oslo ?');
const rows = [
  { promptIds: ids.slice(0, 2), completionIds: ids.slice(0, 3) },
  { promptIds: ids.slice(0, 1), completionIds: ids.slice(1, 3) },
];
const scored = await policy.score(rows);
await policy.sample([{ promptIds: ids, samples: 2, seed: 3 }], { maxTokens: 4, stopIds: policy.chat.stopIds });
await policy.forwardBackward(
  rows.map((row, at) => ({
    ...row,
    advantages: row.completionIds.map(() => (at === 0 ? 1 : -0.5)),
    oldLogProbabilities: scored[at].logProbabilities,
    lossWeights: row.completionIds.map(() => 0.2),
  })),
  { loss: { kind: 'policy-gradient', clipLow: 0.2, clipHigh: 0.28 } },
);
await policy.optimStep({ learningRate: 1e-3, gradientClipNorm: 1 });
// A refusal: nothing was saved there.
const folder = mkdtempSync(join(tmpdir(), 'record-'));
writeFileSync(join(folder, 'tinker.json'), JSON.stringify({ model, path: 'tinker://nowhere/weights/nothing' }));
await policy.load(folder).catch((error) => console.log(error.message));
await policy.close();
writeFileSync(out, `${JSON.stringify({ source: 'recorded by tools/tinker/record.mjs', exchanges })}\n`);
console.log(`${exchanges.length} exchanges in ${out}`);
