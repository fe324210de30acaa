/** `tamtrl ask` with the embedded model: files of every kind, refusals, states. */
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { lockFile } from '../base/lock.js';
import { loadText } from '../reader/files/load.js';
import { runQuietly } from './program.test-support.js';

const folder = await mkdtemp(join(tmpdir(), 'tamtrl-ask-'));
const facts = ['anna oslo', 'ben rome', 'emma quito', 'jack bern', 'dan linz', 'mara oslo', 'cora riga', 'kurt bern'];

const run = (...args: string[]) => runQuietly(['ask', ...args]);

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const textFile = (path: string) =>
  (async () => {
    let all = '';
    for await (const { text } of loadText(path)) all += text;
    return all;
  })();

/** A PDF of one page with one line of text, as small as they come. */
function smallPdf(line: string): string {
  const content = `BT /F1 12 Tf 20 100 Td (${line}) Tj ET`;
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ];
  let text = '%PDF-1.4\n';
  const offsets = objects.map((object, at) => {
    const offset = text.length;
    text += `${at + 1} 0 obj\n${object}\nendobj\n`;
    return String(offset).padStart(10, '0');
  });
  return `${text}xref\n0 6\n0000000000 65535 f \n${offsets.map((offset) => `${offset} 00000 n \n`).join('')}trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n${text.length}\n%%EOF\n`;
}

it('answers, shows the memory as it changes, and ends with one JSON object', async () => {
  const path = await file('facts.txt', facts.join('\n'));
  const { code, out, err } = await run(path, 'anna dan cora', '--model', 'mini', '--json');
  expect(code).toBe(0);
  const reading = JSON.parse(out);
  expect(Object.keys(reading)).toEqual(['answer', 'turns', 'memory', 'provenance', 'tokens', 'seconds']);
  expect(reading).toMatchObject({
    turns: 2,
    answer: reading.memory[1]
      .split(' ')
      .filter((_: string, at: number) => at % 2)
      .join(' '),
  });
  expect(err).toMatch(/^chunk 1 \(\d+ %\): \d+ tokens read, \d+ written, .* left\n {2}anna oslo dan linz cora \S+\n/);
  const both = await run(path, '-q', 'anna dan cora', '-q', 'ben emma jack', '--model', 'mini', '--quiet');
  expect(both.out).toMatch(/^anna dan cora\n\S+ \S+ \S+\nben emma jack\n\S+ \S+ \S+\n$/);
});

it('a saved state continues, even if the file has grown', async () => {
  const path = await file('log.txt', facts.slice(0, 7).join('\n'));
  const state = join(folder, 'state.json');
  const args = ['anna dan cora', '--model', 'mini', '--state', state, '--json'];
  await run(path, ...args);
  expect(JSON.parse(await readFile(state, 'utf8')).turns).toBe(1);
  await writeFile(path, [...facts, ...facts.map((fact) => fact.split(' ').reverse().join(' '))].join('\n'));
  const again = await run(path, ...args);
  expect(again.err).toMatch(/^Continuing after 1 chunk,/);
  expect(JSON.parse(again.out).turns).toBe(3);
  await writeFile(path, 'kurt bern\n'.repeat(20));
  expect(await run(path, ...args)).toMatchObject({
    code: 2,
    err: expect.stringContaining('differs from what the saved state has read, from its beginning on'),
  });
});

it('a changed file is read again where it has changed, and what was read now is told', async () => {
  const lines = Array.from({ length: 12 }, (_, at) => facts.map((fact) => `${fact}${at % 3 ? '' : ' bern'}`)).flat();
  const path = await file('changing.txt', lines.join('\n'));
  const state = join(folder, 'changing.json');
  const args = [path, 'anna dan cora', '--model', 'mini', '--quiet', '--state', state];
  const first = await run(...args, '--json');
  const { turns, memory } = JSON.parse(first.out);
  expect(JSON.parse(first.out).chunksRead).toBeUndefined();
  await writeFile(path, lines.with(90, 'kurt riga').join('\n'));
  const again = await run(...args, '--json');
  expect(again.err).toMatch(
    /The text has changed after character [\d,]+, so it is read again from character [\d,]+ on/,
  );
  const reading = JSON.parse(again.out);
  expect(reading).toMatchObject({ turns, memory: [...reading.memory.slice(0, -1), memory.at(-1)] });
  expect(reading.chunksRead).toBeLessThan(turns / 2);
  // The state holds the text as it is now: only the end that still waits is read once more.
  const third = await run(...args);
  expect(third.err).toMatch(new RegExp(`\\n${turns} chunks \\([01] of them read now\\), `));
  expect(third.err).not.toContain('has changed');
});

it('one reading at a time saves to a file: the second is refused before it reads', async () => {
  const path = await file('both.txt', facts.join('\n'));
  const state = join(folder, 'both.json');
  const args = [path, 'anna dan cora', '--model', 'mini', '--state', state, '--json'];
  const unlock = await lockFile(state);
  expect(await run(...args)).toEqual({
    code: 2,
    out: '',
    err: `tamtrl: ${state} is being written to by this program. Wait until it has ended, or name another file.\n`,
  });
  await unlock();
  expect(await run(...args)).toMatchObject({ code: 0 });
  await (await lockFile(state))();
  const { code, err } = await run(path, 'q', '--model', 'mini', '--state', join(folder, 'none', 'state.json'));
  expect(code).toBe(2);
  expect(err).toMatch(/^tamtrl: --state: cannot write to .*none: ENOENT/);
});

it('Markdown, HTML and PDF are read as their words', async () => {
  const markdown = await file(
    'a.md',
    '---\ntitle: x\n---\n# Facts\n\n**anna** [oslo](http://x.y/z)\n\n- ben `rome`\n\n| a | b |\n| - | - |\n| dan | linz |\n',
  );
  expect(await textFile(markdown)).toBe('title: x\n\nFacts\n\nanna oslo\n\n- ben rome\n\na | b\ndan | linz');
  const html = await file(
    'a.html',
    '<html><head><style>p{}</style><script>x()</script></head><body><nav>Menu</nav><h1>Facts</h1><p>anna <a href="http://x">oslo</a></p></body></html>',
  );
  expect((await textFile(html)).trim()).toMatch(/^Facts\s+anna oslo$/);
  const pdf = await file('a.pdf', smallPdf('anna oslo'));
  expect((await textFile(pdf)).trim()).toBe('anna oslo');
  await mkdir(join(folder, 'many'));
  await file('many/1.txt', 'anna oslo');
  await file('many/2.md', '*dan* linz');
  const { code, out } = await run(join(folder, 'many/*'), 'anna dan', '--model', 'mini', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(out).memory.at(-1)).toMatch(/^anna \S+ dan \S+/);
});

it('text in UTF-16 and Latin-1 is read, an assumption is told once, and lines are named', async () => {
  const wide = await file('wide.txt', Buffer.from(`\ufeff${facts.join('\n')}`, 'utf16le'));
  const western = await file('western.txt', Buffer.from(`Café\n${facts.join('\n')}`, 'latin1'));
  const one = await run(wide, 'anna dan cora', '--model', 'mini', '--quiet');
  expect(one.err).toMatch(/ {2}\[line \d+(?:-\d+)?, characters \d+ to \d+, /);
  expect(one.err).not.toContain('was read as');
  const { code, err } = await run(wide, western, 'anna dan cora', '--model', 'mini', '--quiet');
  expect(code).toBe(0);
  expect(err.match(/western\.txt was read as Windows-1252 \(it is not UTF-8\)\.\n/g)).toHaveLength(1);
  expect(err).toMatch(/\[(?:wide|western)\.txt:\d+(?:-\d+)?, characters/);
  expect(await run(wide, 'anna', '--model', 'mini', '--encoding', 'klingon')).toMatchObject({
    code: 2,
    err: expect.stringContaining('There is no encoding "klingon"'),
  });
});

it.each([
  ['an empty file', ['empty.txt', 'anna'], 2, 'empty.txt contains no text'],
  ['a binary file', ['image.png', 'anna'], 2, 'image.png is binary (a PNG image), not text'],
  ['a damaged PDF', ['bad.pdf', 'anna'], 2, 'is named like a PDF but does not begin like one'],
  ['a PDF without text', ['scan.pdf', 'anna'], 2, 'scanned pages are images'],
  ['no such file', ['nowhere.txt', 'anna'], 2, 'There is no file'],
  ['no match', ['*.nothing', 'anna'], 2, 'No file matches'],
  ['no file', ['anna'], 2, 'There is nothing to read'],
  [
    'a long question',
    ['facts.txt', 'anna ben emma jack dan mara'],
    2,
    'The question has 6 tokens; questionTokens allows 5',
  ],
])('%s: one sentence and the exit code', async (_, [input, ...rest], code, sentence) => {
  await file('empty.txt', '\n');
  await file('facts.txt', facts.join('\n'));
  await file('image.png', new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0, 0]));
  await file('bad.pdf', 'hello');
  await file('scan.pdf', smallPdf(''));
  const place = rest.length === 0 ? input : join(folder, input);
  const said = await run(place, ...rest, '--model', 'mini');
  expect(said).toMatchObject({ code, out: '', err: expect.stringContaining(sentence) });
  expect(
    said.err
      .trim()
      .split('\n')
      .filter((line) => line.startsWith('tamtrl:')),
  ).toHaveLength(1);
});

it('models that cannot be had', async () => {
  const path = await file('facts.txt', facts.join('\n'));
  expect(await run(path, 'anna')).toMatchObject({
    code: 2,
    err: expect.stringContaining('No model is named. Give --model'),
  });
  expect(await run(path, 'anna', '--model', 'no.gguf')).toMatchObject({
    code: 2,
    err: expect.stringContaining('There is no model at no.gguf'),
  });
  await mkdir(join(folder, 'no-model'));
  expect(await run(path, 'anna', '--model', join(folder, 'no-model'))).toMatchObject({
    code: 2,
    err: expect.stringMatching(/no-model holds no model: expected a folder with config\.json, tokenizer\.json and/),
  });
  // Nothing is gained by waiting between the attempts; the limit of a request stays.
  const { setTimeout: later } = globalThis;
  const quick = (work: () => void, wait = 0) => later(work, wait > 60_000 ? wait : 0);
  const waits = vi.spyOn(globalThis, 'setTimeout').mockImplementation(quick as typeof setTimeout);
  const server = await run(path, 'anna', '--model', 'openai:http://127.0.0.1:9/v1#m').finally(() => {
    expect(waits.mock.calls.length).toBeGreaterThanOrEqual(4);
    waits.mockRestore();
  });
  expect(server).toMatchObject({ code: 1, err: expect.stringContaining('cannot be reached') });
  expect(await run(path, 'anna dan', '--model', 'mini', '--chunk-tokens', '999')).toMatchObject({
    code: 2,
    err: expect.stringContaining("the model's window holds 256"),
  });
});
