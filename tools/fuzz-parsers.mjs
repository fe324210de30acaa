// The parsers that fuzz.mjs tries: samples to change, and how an input is read to its end.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { DOCUMENT_PARSERS } from './fuzz-documents.mjs';
import { data, drain, engine, Refused, root, tamtrl, weights } from './fuzz-inputs.mjs';
import { pdfReader } from './fuzz-pdf.mjs';

export { Refused };

const MARKDOWN = `---\ntitle: Ships\n---\n# Ships & ports\n\nThe **ship** _left_ [Bristol](http://x.y "z") \`code\`.\n\n1. one\n2. two\n   - three\n\n> quoted\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n<table><tr><td>x</td></tr></table>\n\n![alt](x.png) [ref]\n\n[ref]: http://x\n`;
const HTML = `<!doctype html><html><head><title>Ships &amp; ports</title><style>p{}</style></head><body><nav>x</nav><h1>A</h1><p>one <b>two</b><br>three<ul><li>a<li>b</ul><ol start=3><li>c</ol><table><tr><th>a<td>b</table><dl><dt>x<dd>y</dl><pre>  z\n</pre></body></html>`;
const JINJA = `{%- for m in messages %}{{- '<|im_start|>' + m.role + '\\n' + (m.content | trim) + '<|im_end|>\\n' }}{%- if loop.first and m.role == 'system' %}{% set ns = namespace(x=[1, 2]) %}{{ ns.x | tojson }}{% endif %}{%- endfor %}{% macro f(a, b=2) %}{{ a * b }}{% endmacro %}{{ f(3) }}{{ range(3) | join(',') }}{%- if add_generation_prompt %}{{ bos_token }}{% endif %}`;
const YAML = `preset: mini\nsteps: 3\nlist: [1, {a: 2}]\nbase: &base\n  x: 1.5\n  y: "text"\nother: *base\ntext: |\n  lines\n  more\n? key\n: value\n`;
const RECORD = `{"id":"a","source":"s","question":"Q?","answers":["A"],"documents":[{"title":"T","text":"The ship left.","relevant":true}],"evidence":[{"document":0,"start":0,"end":3}]}\n`;

function refusing(parse) {
  try {
    return parse();
  } catch (error) {
    throw new Refused(error.message, { cause: error });
  }
}

const RUN = 'run-folders/run';
const runFile = (name) => data(join(RUN, name));
const STATE = JSON.stringify({
  version: 1,
  questions: [
    {
      question: 'anna',
      memory: 'anna oslo',
      pieces: [{ text: 'anna oslo', source: { chunk: 0, start: 0, end: 9, match: 'similar' } }],
    },
  ],
  budgets: { questionTokens: 5, chunkTokens: 12, memoryTokens: 10, answerTokens: 6 },
  turns: 3,
  position: 90,
  fingerprint: 482174721,
  pending: 'anna oslo ben rome',
  tokens: { prompt: 70, output: 20 },
  seconds: 0.7,
});
const SETTINGS = `preset: mini\nmodel: mini\ndata: { kind: mini, chunks: 2, factsPerChunk: 2, queries: 1 }\nmemory: { questionTokens: 4, chunkTokens: 4, memoryTokens: 5, answerTokens: 3, prompts: mini }\nsteps: 8\nmethod: tamtrl-ema-teacher\nreward: { combine: additive, alpha: 0.5 }\nevaluation: { every: 2, questions: 4 }\noptimizer: { beta1: 0.9 }\n`;
const COMPARE = `out: out\nmodel: mini\nseeds: [1, 2]\nbaseline: a\npreset: mini\ntrain: { steps: 2, evaluation: { every: 0, questions: 2 } }\nmethods: [{ name: a, train: tamtrl }, { name: b }]\nbenchmarks: [{ name: b, data: { kind: mini, chunks: 2, facts: 2 }, questions: 2 }]\n`;
const REPLIES = [
  '{"choices":[{"message":{"role":"assistant","content":"Ada did.","reasoning":"hm"},"finish_reason":"stop","logprobs":{"content":[{"token":"A","logprob":-0.5}]}}],"usage":{"prompt_tokens":5,"completion_tokens":2}}',
  '{"data":[{"id":"m","owned_by":"vllm","max_model_len":4096}]}',
  '{"choices":[{"text":"x","token_ids":[5,6],"prompt_logprobs":[null,{"5":{"logprob":-1}}],"finish_reason":"length"}]}',
  '{"content":"x","tokens":[5,6],"stop_type":"eos","tokens_evaluated":5,"tokens_predicted":2}',
  '{"sequences":[{"tokens":[7,8],"logprobs":[-0.5,-0.25],"stop_reason":"length"}]}',
  '{"loss_fn_outputs":[{"logprobs":{"data":[-1,-2,-3]}}],"metrics":{"loss:sum":1}}',
  '{"supported_models":[{"model_name":"mini","max_context_length":256}]}',
];

/** Bytes of a field of protobuf: its number, length and content. */
const field = (number, content) => Buffer.concat([Buffer.from([number * 8 + 2, content.length]), content]);
function protobufReplies() {
  const numbers = Buffer.from(new Int32Array([7, 8]).buffer);
  const floats = Buffer.from(new Float32Array([-0.5, -0.25]).buffer);
  const sequence = Buffer.concat([Buffer.from([8, 1]), field(2, numbers), field(3, floats)]);
  const offsets = Buffer.from(new BigInt64Array([0n, 8n]).buffer);
  const tensor = Buffer.concat([field(1, floats), field(2, offsets), field(3, Buffer.from('float32'))]);
  const entry = Buffer.concat([field(1, Buffer.from('logprobs')), field(2, tensor)]);
  return [field(1, sequence), field(2, field(1, entry))];
}

/** A PDF of these objects, with a table of their places. */
function pdfOf(objects) {
  let body = Buffer.from('%PDF-1.5\n');
  const places = objects.map((object, at) => {
    const place = body.length;
    const [head, tail] = [`${at + 1} 0 obj\n`, '\nendobj\n'].map((text) => Buffer.from(text));
    body = Buffer.concat([body, head, Buffer.from(object), tail]);
    return `${String(place).padStart(10, '0')} 00000 n \n`;
  });
  const table = `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${places.join('')}`;
  const size = objects.length + 1;
  const end = `${table}trailer\n<< /Size ${size} /Root 1 0 R >>\nstartxref\n${body.length}\n%%EOF\n`;
  return Buffer.concat([body, Buffer.from(end)]);
}

const stream = (content, more = '') =>
  Buffer.concat([
    Buffer.from(`<< /Length ${content.length} ${more} >>\nstream\n`),
    Buffer.from(content),
    Buffer.from('\nendstream'),
  ]);

function pdfs() {
  const content = 'BT /F1 12 Tf 20 100 Td (The ship left Bris-) Tj 0 -20 Td (tol in spring) Tj ET';
  const pages = ['<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [3 0 R] /Count 1 >>'];
  const page = (font) =>
    `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents 4 0 R /Resources << /Font << /F1 ${font} >> >> >>`;
  const helvetica = '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>';
  const plain = pdfOf([...pages, page('5 0 R'), stream(content), helvetica]);
  const packed = pdfOf([...pages, page('5 0 R'), stream(deflateSync(content), '/Filter /FlateDecode'), helvetica]);
  const coded = Buffer.from(content).toString('hex');
  const filters = '/Filter [/ASCIIHexDecode /FlateDecode] /DecodeParms [null << /Predictor 12 /Columns 4 >>]';
  const twice = pdfOf([...pages, page('5 0 R'), stream(`${coded}>`, filters), helvetica]);
  const map =
    '/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <0000> <ffff> endcodespacerange 2 beginbfrange <0001> <0010> <0041> <0020> <0022> [<0061> <0062> <00630064>] endbfrange endcmap end';
  const wide = pdfOf([
    ...pages,
    page('5 0 R'),
    stream("BT /F1 12 Tf 1 0 0 1 20 100 Tm [<00010002> -250 <0020>] TJ T* (\\101\\(x\\)) ' ET q 1 0 0 1 0 0 cm Q"),
    '<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /DescendantFonts [6 0 R] /ToUnicode 7 0 R >>',
    '<< /Type /Font /Subtype /CIDFontType2 /BaseFont /X /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /DW 1000 /W [1 [500 600] 3 9 700] >>',
    stream(map),
  ]);
  // Objects within a stream, and the table of places as another.
  const inner = `2 0 3 ${pages[1].length + 1} ${pages[1]} ${page('5 0 R')}`;
  const first = inner.indexOf('<<');
  const packedObjects = pdfOf([
    pages[0],
    stream(inner, `/Type /ObjStm /N 2 /First ${first}`),
    'null',
    stream(content),
    helvetica,
  ]);
  return [plain, packed, twice, wide, packedObjects];
}

/** A folder of a model of which one file is the input. */
function modelFolder(folder, file) {
  const place = join(folder, 'model');
  cpSync(join(root, 'packages/engine/fixtures/weights/qwen3-bf16'), place, { recursive: true });
  return async (input) => {
    const { loadPretrained } = await engine('weights/pretrained.js');
    writeFileSync(join(place, file), input);
    await loadPretrained(place);
  };
}

const rows = async () => {
  const { readRows } = await tamtrl('data/files/rows.js');
  return (_, path) => drain(readRows(path));
};
const converter = (kind) => async () => {
  const { convert } = await tamtrl('reader/files/load.js');
  return (input) => convert(kind, input, 'input');
};

/** Each: whether its inputs are text, samples, and a function that gives the one that reads. */
const PARSERS = {
  safetensors: [
    true,
    () => [weights('qwen3-bf16/model.safetensors')],
    (folder) => modelFolder(folder, 'model.safetensors'),
  ],
  gguf: [
    true,
    () => [weights('qwen3.gguf'), weights('quantised.gguf')],
    async () => {
      const { loadPretrained } = await engine('weights/pretrained.js');
      const { readGgufFiles } = await engine('weights/gguf-files.js');
      return async (_, path) => {
        await readGgufFiles(path);
        await loadPretrained(path);
      };
    },
  ],
  config: [false, () => [weights('qwen3-bf16/config.json')], (folder) => modelFolder(folder, 'config.json')],
  tokenizer: [
    false,
    () => ['bpe', 'metaspace', 'mini'].map((name) => data(`tokenizers/${name}/tokenizer.json`)),
    async () => {
      const { tokenizerFromContents } = await tamtrl('text/file-contents.js');
      return (input) => {
        const tokenizer = tokenizerFromContents(new Map([['tokenizer.json', input]]));
        tokenizer?.decode(tokenizer.encodeText('anna oslo <|im_end|> é 東京 1,000'));
      };
    },
  ],
  jinja: [
    false,
    () => [JINJA],
    async () => {
      const { chatFormatFromTemplate } = await tamtrl('text/templates.js');
      const messages = [
        { role: 'system', content: 'x' },
        { role: 'user', content: 'The ship left. '.repeat(20) },
      ];
      return (input) => chatFormatFromTemplate({ template: input.toString(), stopIds: [2] }).render(messages);
    },
  ],
  yaml: [
    false,
    () => [YAML],
    async () => {
      const { parseYamlFile } = await tamtrl('run/yaml-file.js');
      return (input) => {
        parseYamlFile('c.yaml', input.toString());
      };
    },
  ],
  records: [
    false,
    () => [RECORD.repeat(3)],
    async () => {
      const { readRecords } = await tamtrl('data/records.js');
      return (_, path) => drain(readRecords(path));
    },
  ],
  json: [false, () => [`[${RECORD.trim()},${RECORD.trim()}]`, `{"version":1,"data":[${RECORD.trim()}]}`], rows],
  babi: [
    false,
    () => [data('babi/qa1-sample.txt').toString()],
    async () => {
      const { babiRows } = await tamtrl('data/files/babi-lines.js');
      return (_, path) => drain(babiRows(path));
    },
  ],
  parquet: [true, () => [data('data/hotpotqa.parquet'), data('data/memagent.parquet')], rows],
  zstd: [true, () => [data('data/hotpotqa.jsonl.zst')], rows],
  gzip: [true, () => [gzipSync(RECORD.repeat(50))], rows],
  markdown: [false, () => [MARKDOWN], converter('markdown')],
  html: [false, () => [HTML], converter('html')],
  pdf: [false, pdfs, pdfReader],
  'pdf in its thread': [false, pdfs, converter('pdf')],
  ...DOCUMENT_PARSERS,
  checkpoint: [
    true,
    () => [],
    async (folder) => {
      const { loadPretrained } = await engine('weights/pretrained.js');
      const { loadCheckpoint, saveCheckpoint } = await engine('weights/checkpoint.js');
      const { config, parameters } = await loadPretrained(join(root, 'packages/engine/fixtures/weights/qwen3-bf16'));
      const place = join(folder, 'last');
      const state = { weights: parameters, optimizer: undefined, snapshots: new Map([['initial', parameters]]) };
      await saveCheckpoint(place, { ...state, config });
      const file = join(place, 'training-state.safetensors');
      const sample = readFileSync(file);
      const read = async (input) => {
        writeFileSync(file, input);
        await loadCheckpoint(place, config);
      };
      return Object.assign(read, { samples: [sample] });
    },
  ],
  ...Object.fromEntries(
    ['info.json', 'config.json', 'metrics.jsonl', 'readings.json', 'checkpoints/last/run.json'].map((name) => [
      `${name} of a run`,
      [
        false,
        () => [runFile(name)],
        async (folder) => {
          const { readRun } = await tamtrl('run/read.js');
          const place = join(folder, 'run');
          cpSync(join(root, 'packages/tamtrl/fixtures', RUN), place, { recursive: true });
          return async (input) => {
            writeFileSync(join(place, name), input);
            await readRun(place);
          };
        },
      ],
    ]),
  ),
  'state of ask': [
    false,
    () => [STATE],
    async () => {
      const { openModel } = await tamtrl('models/open.js');
      const { MemoryReader } = await tamtrl('reader/reader.js');
      const model = await openModel('mini');
      const budgets = { questionTokens: 5, chunkTokens: 12, memoryTokens: 10, answerTokens: 6 };
      return (input) => {
        const state = refusing(() => JSON.parse(input.toString()));
        new MemoryReader({ model, question: 'anna', ...budgets, state });
      };
    },
  ],
  settings: [
    false,
    () => [SETTINGS],
    async () => {
      const { trainSettings } = await tamtrl('run/settings.js');
      return (_, path) => trainSettings({ config: path });
    },
  ],
  comparison: [
    false,
    () => [COMPARE],
    async () => {
      const { readCompareConfig } = await tamtrl('run/comparison-config.js');
      return (_, path) => readCompareConfig(path);
    },
  ],
  replies: [
    false,
    () => REPLIES,
    async () => {
      const { PolicyError } = await tamtrl('policy/errors.js');
      const { parseReply } = await tamtrl('policy/exchange.js');
      const openai = await tamtrl('policy/openai/replies.js');
      const tinker = await tamtrl('policy/tinker/replies.js');
      return (input) => {
        const reply = refusing(() => parseReply(input.toString()));
        tinker.sequencesIn(reply, 1);
        tinker.logProbabilitiesIn(reply, 1);
        tinker.modelsIn(reply);
        openai.serverInfo(reply, 'm');
        openai.windowInProps(reply);
        const refusals = [
          () => openai.chatReply(reply, 'http://h'),
          () => openai.tokenReply(reply, 'vllm', 'http://h'),
          () => openai.tokenReply(reply, 'llama.cpp', 'http://h'),
          () => openai.promptLogProbabilities(reply, [5, 6], 'http://h'),
        ].map((read) => {
          try {
            read();
            return undefined;
          } catch (error) {
            if (!PolicyError.isInstance(error)) throw error;
            return error;
          }
        });
        // A reply is of one kind only.
        if (!refusals.includes(undefined)) throw refusals[0];
      };
    },
  ],
  protobuf: [
    true,
    protobufReplies,
    async () => {
      const { decodeResult } = await tamtrl('policy/tinker/wire.js');
      const { logProbabilitiesIn, sequencesIn } = await tamtrl('policy/tinker/replies.js');
      return (input) => {
        for (const path of ['asample', 'forward']) {
          const reply = refusing(() => decodeResult(path, new Uint8Array(input)));
          sequencesIn(reply, 1);
          logProbabilitiesIn(reply, 1);
        }
      };
    },
  ],
};

/**
 * How many inputs a parser gets, beside 10 of every other: those that were written by others get more, slow ones less.
 */
const SHARES = {
  pdf: 30,
  'pdf in its thread': 0.3,
  parquet: 30,
  gguf: 20,
  tokenizer: 20,
  jinja: 6,
  yaml: 3,
  markdown: 5,
  settings: 3,
  comparison: 3,
  html: 20,
};

export const shareOf = (name) => SHARES[name] ?? 10;

export const parserNames = Object.keys(PARSERS);

export async function openParser(name, folder) {
  const [binary, samples, open] = PARSERS[name];
  const read = await open(folder);
  return { binary, samples: read.samples ?? samples(), read };
}
