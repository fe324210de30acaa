/** `tamtrl ask` with a folder of states, and questions that are names of something to read. */
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runQuietly } from './program.test-support.js';

const folder = await mkdtemp(join(tmpdir(), 'tamtrl-states-'));
const facts = ['anna oslo', 'ben rome', 'emma quito', 'jack bern', 'dan linz', 'mara oslo', 'cora riga', 'kurt bern'];
const ask = (...args: string[]) => runQuietly(['ask', ...args, '--model', 'mini', '--quiet']);

async function file(name: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, [...facts, ...facts].join('\n'));
  return path;
}

it('a folder of states has a file for each reading, which the same command finds again', async () => {
  const [one, two] = [await file('one.txt'), await file('two.txt')];
  const states = join(folder, 'states/');
  expect((await ask(one, 'anna dan cora', '--state', states)).code).toBe(0);
  expect((await ask(one, 'ben emma', '--state', states)).code).toBe(0);
  expect((await ask(two, 'anna dan cora', '--state', states)).err).not.toContain('Continuing');
  const names = (await readdir(states)).filter((name) => name.endsWith('.json')).sort();
  expect(names.map((name) => name.replace(/-[0-9a-f]{16}/, ''))).toEqual([
    'one.txt.json',
    'one.txt.json',
    'two.txt.json',
  ]);
  // The folder is there now, so that it needs no slash.
  const again = await ask(two, 'anna dan cora', '--state', join(folder, 'states'));
  expect(again.err).toMatch(/^Continuing after \d+ chunks/);
  expect((await readdir(states)).filter((name) => name.endsWith('.json')).sort()).toEqual(names);
  const refused = await ask(two, 'anna', '--state', `${one}/`);
  expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('--state: cannot make the folder') });
});

it.each([
  ['a file', [], 'two.txt', /two\.txt is a file, but the last argument is the question/],
  ['a file after another', ['one.txt'], 'two.txt', /two\.txt is a file, but the last argument is the question/],
  [
    'an address',
    ['one.txt'],
    'https://example.org/x.html',
    /x\.html is an address, but the last argument is the question/,
  ],
])('a question that is %s is asked about', async (_, inputs, last, sentence) => {
  await file('one.txt');
  await file('two.txt');
  const named = [...inputs, last].map((name) => (name.startsWith('http') ? name : join(folder, name)));
  expect(await ask(...named)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(sentence) });
});

it('further questions are answered from the notes of a saved reading, or by reading again', async () => {
  const one = await file('one.txt');
  const state = join(folder, 'talk.json');
  const first = await ask(one, 'anna dan cora', '--state', state, '--follow-up', 'anna');
  expect(first.code).toBe(0);
  expect(first.out).toMatch(/^\S.*\nanna\n\S+/);
  expect(first.err).toContain('From the notes for "anna dan cora"; the text was not read again.');
  const unknown = await ask('--state', state, '--follow-up', 'kurt');
  expect(unknown).toMatchObject({ code: 1, out: 'kurt\n(not in the notes)\n' });
  expect(unknown.err).toMatch(
    /^Not in the notes for "anna dan cora"\. To read the text again for this question, use --reread\. \d+ tokens read, \d+ written\.\n$/,
  );
  const read = await ask('--state', state, '--follow-up', 'kurt', '--reread', '--json');
  expect(JSON.parse(read.out)).toMatchObject({ chunksRead: 0, followUps: [{ from: 'text', missing: false }] });
  const again = await ask('--state', state, '--follow-up', 'kurt', '--json');
  expect(JSON.parse(again.out).followUps).toMatchObject([{ from: 'memory', notesFor: ['kurt'] }]);
  // A changed text is read again, and its notes with it.
  await writeFile(one, [...facts, ...facts, 'emma oslo', 'ben linz', 'kurt oslo', 'mara bern'].join('\n'));
  await ask(one, 'anna dan cora', '--state', state);
  expect((await ask('--state', state, '--follow-up', 'kurt')).out).toContain('(not in the notes)');
  expect(await ask('--state', join(folder, 'no.json'), '--follow-up', 'kurt')).toMatchObject({
    code: 2,
    err: expect.stringContaining('There is nothing to read'),
  });
  expect(await ask('-', 'kurt', '--chat')).toMatchObject({
    code: 2,
    err: expect.stringContaining('--chat takes questions'),
  });
});

it('--each reads every document for itself, and says which could not be read', async () => {
  const [one, two] = [await file('one.txt'), await file('two.txt')];
  const picture = join(folder, 'x.png');
  await writeFile(picture, new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0, 0]));
  const { code, out, err } = await ask(one, picture, two, 'ben', '--each');
  expect(code).toBe(1);
  expect(out).toMatch(/^.*one\.txt: \S.*\n.*two\.txt: \S.*\n$/);
  expect(err).toMatch(/^tamtrl: \S*x\.png is binary/);
  expect(err).toMatch(/3 documents, \d+ tokens read, \d+ written/);
  const json = await ask(one, two, '-q', 'ben', '-q', 'emma', '--each', '--json');
  expect(json.code).toBe(0);
  expect(JSON.parse(json.out)).toMatchObject({
    documents: [
      { document: one, turns: 3, answers: [{ question: 'ben' }, { question: 'emma' }] },
      { document: two, turns: 3 },
    ],
    tokens: { total: expect.any(Number) },
  });
  const states = join(folder, 'each/');
  const first = await ask(one, two, 'ben', '--each', '--state', states);
  expect(first.err).not.toContain('documents, 0 tokens read');
  // A dry run tells what is left: of what is as it was nothing, of a longer text its end.
  const dry = async (...args: string[]) =>
    JSON.parse((await ask(one, two, 'ben', '--each', '--dry-run', '--json', ...args)).out);
  const whole = await dry();
  expect(whole).toMatchObject({ chunks: 6, requests: 8 });
  expect(await dry('--state', states)).toMatchObject({ chunks: 0, requests: 0, tokens: { prompt: 0, output: 0 } });
  const again = await ask(one, two, 'ben', '--each', '--state', states);
  expect(again.out).toBe(first.out);
  expect(again.err).toContain('2 documents, 0 tokens read, 0 written');
  // The same file as that of the document alone.
  expect((await ask(one, 'ben', '--state', states)).err).toMatch(/^Continuing after \d+ chunks/);
  await writeFile(two, `mara oslo\n${await readFile(two, 'utf8')}`);
  expect(await dry('--state', states)).toMatchObject({ chunks: expect.any(Number), requests: expect.any(Number) });
  expect((await dry('--state', states)).chunks).toBeGreaterThanOrEqual(3);
  expect(await ask(one, 'ben', '--each', '--state', one)).toMatchObject({
    code: 2,
    err: expect.stringContaining('one.txt is a file'),
  });
  expect(await ask(one, 'ben', '--each', '--chat')).toMatchObject({
    code: 2,
    err: expect.stringContaining('--each makes'),
  });
});

it('what a budget leaves out is remembered, and read once the budget allows it', async () => {
  const path = join(folder, 'long.txt');
  const others = Array.from({ length: 200 }, (_, at) => `${at % 2 === 0 ? 'zoe' : 'tom'} oslo`);
  await writeFile(path, [...others, 'anna oslo', ...others, 'dan linz', ...others, 'cora riga'].join('\n'));
  const state = join(folder, 'budget.json');
  const askJson = async (...args: string[]) => JSON.parse((await ask(path, 'anna dan cora', ...args, '--json')).out);
  const whole = await askJson();
  const part = await askJson('--state', state, '--budget', '60');
  expect(part.turns).toBeLessThan(7);
  expect(part.unread.chunks).toBe(whole.turns - part.turns);
  // Without reading anything, it is still told.
  const later = await ask('--state', state, '--follow-up', 'dan');
  expect(later.err).toContain(`Not read: ${part.unread.chunks} chunks`);
  const same = await ask(path, 'anna dan cora', '--state', state, '--budget', '60');
  expect(same.err).toContain(`Not read: ${part.unread.chunks} chunks`);
  const more = await askJson('--state', state, '--budget', '120');
  expect([more.turns > part.turns, more.turns + more.unread.chunks]).toEqual([true, whole.turns]);
  const rest = await ask(path, 'anna dan cora', '--state', state, '--json');
  expect(rest.err).toMatch(/The text after character \d+ was not read before, so reading goes on from character \d+/);
  const { answer, provenance, turns, unread } = JSON.parse(rest.out);
  expect({ answer, provenance, turns }).toEqual({
    answer: whole.answer,
    provenance: whole.provenance,
    turns: whole.turns,
  });
  expect(unread).toBeUndefined();
  // Its notes are those of the whole text now.
  expect((await ask('--state', state, '--follow-up', 'dan')).err).not.toContain('Not read');
});
