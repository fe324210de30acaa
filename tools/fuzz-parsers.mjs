// The parsers that fuzz.mjs tries: samples to change, and how an input is read to its end.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('..', import.meta.url));
const tamtrl = (path) => import(join(root, 'packages/tamtrl/dist', path));
const engine = (path) => import(join(root, 'packages/engine/dist', path));
const data = (name) => readFileSync(join(root, 'packages/tamtrl/fixtures', name));
const weights = (name) => readFileSync(join(root, 'packages/engine/fixtures/weights', name));

const drain = async (iterable) => {
  for await (const _ of iterable);
};

const MARKDOWN = `---\ntitle: Ships\n---\n# Ships & ports\n\nThe **ship** _left_ [Bristol](http://x.y "z") \`code\`.\n\n1. one\n2. two\n   - three\n\n> quoted\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n<table><tr><td>x</td></tr></table>\n\n![alt](x.png) [ref]\n\n[ref]: http://x\n`;
const HTML = `<!doctype html><html><head><title>Ships &amp; ports</title><style>p{}</style></head><body><nav>x</nav><h1>A</h1><p>one <b>two</b><br>three<ul><li>a<li>b</ul><ol start=3><li>c</ol><table><tr><th>a<td>b</table><dl><dt>x<dd>y</dl><pre>  z\n</pre></body></html>`;
const JINJA = `{%- for m in messages %}{{- '<|im_start|>' + m.role + '\\n' + (m.content | trim) + '<|im_end|>\\n' }}{%- if loop.first and m.role == 'system' %}{% set ns = namespace(x=[1, 2]) %}{{ ns.x | tojson }}{% endif %}{%- endfor %}{% macro f(a, b=2) %}{{ a * b }}{% endmacro %}{{ f(3) }}{{ range(3) | join(',') }}{%- if add_generation_prompt %}{{ bos_token }}{% endif %}`;
const YAML = `preset: mini\nsteps: 3\nlist: [1, {a: 2}]\nbase: &base\n  x: 1.5\n  y: "text"\nother: *base\ntext: |\n  lines\n  more\n? key\n: value\n`;
const RECORD = `{"id":"a","source":"s","question":"Q?","answers":["A"],"documents":[{"title":"T","text":"The ship left.","relevant":true}],"evidence":[{"document":0,"start":0,"end":3}]}\n`;

function pdf() {
  const content = 'BT /F1 12 Tf 20 100 Td (The ship left Bris-) Tj 0 -20 Td (tol in spring) Tj ET';
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ];
  const body = objects.map((object, at) => `${at + 1} 0 obj\n${object}\nendobj\n`).join('');
  return `%PDF-1.4\n${body}trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n0\n%%EOF\n`;
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
  pdf: [false, () => [pdf()], converter('pdf')],
};

export const parserNames = Object.keys(PARSERS);

export async function openParser(name, folder) {
  const [binary, samples, open] = PARSERS[name];
  return { binary, samples: samples(), read: await open(folder) };
}
