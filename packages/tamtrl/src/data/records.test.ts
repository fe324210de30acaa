/** The record reader on good files, and on every kind of bad line. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { blankAnswersText, loadRecords, readRecords } from './records.js';

const good = {
  id: 'a',
  source: 's',
  question: 'Who?',
  answers: ['Me'],
  documents: [{ title: 'T', text: 'It was me.' }],
};

async function fileOf(...lines: (object | string)[]): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'records-')), 'records.jsonl');
  await writeFile(path, lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'));
  return path;
}

describe('sample files', () => {
  it.each(['hotpotqa', '2wikimultihopqa', 'musique', 'squad'])('%s is read whole', async (name) => {
    const path = fileURLToPath(new URL(`../../fixtures/records/${name}-sample.jsonl`, import.meta.url));
    const { records, problems } = await loadRecords(path, { strict: true });
    expect(problems).toEqual([]);
    expect(records.length).toBeGreaterThan(0);
    for (const record of records) {
      expect(record.documents.some((document) => document.relevant)).toBe(true);
      expect(record.documents.some((document) => document.relevant === false)).toBe(true);
    }
  });
});

describe('loadRecords', () => {
  it('reads a metric under the name that an earlier version gave it', async () => {
    const { records } = await loadRecords(await fileOf({ ...good, metric: 'ruler_part' }));
    expect(records[0].metric).toBe('string_match_part');
  });

  it('names and counts each bad line, and continues', async () => {
    const path = await fileOf(
      good,
      '',
      '{"id": "b", ',
      { ...good, id: 'c', documents: [{ title: 'T', text: 5 }] },
      good,
      { ...good, id: 'd', answers: [] },
      { ...good, id: 'e', question: ' ', answers: [''] },
      { ...good, id: 'f', documents: [] },
      {
        ...good,
        id: 'g',
        evidence: [
          { document: 1, start: 0, end: 3 },
          { document: 0, start: 3, end: 300 },
        ],
      },
      { ...good, id: 'h', extra: 1 },
    );
    const { records, problems, counts } = await loadRecords(path);
    expect(records.map((record) => record.id)).toEqual(['a', 'h']);
    expect(counts).toEqual({ json: 1, shape: 3, 'duplicate-id': 1, 'no-gold': 2, encoding: 0, size: 0 });
    expect(problems.map((problem) => problem.line)).toEqual([3, 4, 5, 6, 7, 8, 9]);
    const messages = problems.map((problem) => problem.message);
    expect(messages[0]).toMatch(/^not JSON/);
    expect(messages[1]).toMatch(/^documents\[0\]\.text: .*expected string/);
    expect(messages[2]).toBe('id "a" already occurs in line 1.');
    expect(messages[3]).toBe('record "d" has no gold answer.');
    expect(messages[4]).toBe('record "e" has no question and no gold answer.');
    expect(messages[5]).toMatch(/^documents: /);
    expect(messages[6]).toMatch(
      /evidence\[0\]: names document 1, but there are 1.*evidence\[1\]: is 3 to 300, expected a span within the document's 10/,
    );
  });

  it('drops blank gold answers, counts them, and keeps the rest', async () => {
    const path = await fileOf(
      good,
      { ...good, id: 'b', answers: ['', 'Me', ' \t'] },
      { ...good, id: 'c', answers: ['I', ''] },
    );
    const { records, problems, blanks } = await loadRecords(path);
    expect(records.map(({ answers }) => answers)).toEqual([['Me'], ['Me'], ['I']]);
    expect(problems).toEqual([]);
    expect(blanks).toEqual([
      { line: 2, id: 'b', count: 2 },
      { line: 3, id: 'c', count: 1 },
    ]);
    expect(blankAnswersText(blanks)).toBe(
      '3 blank gold answers in 2 records were dropped; the first is in line 2 (record "b"). An empty output would have matched.',
    );
  });

  it('keeps how answers are scored, and refuses names that are none', async () => {
    const scored = { ...good, answersWanted: 'all', metric: 'f1', task: 'qa1', labels: ['x', 'y'] };
    const path = await fileOf(scored, { ...good, id: 'b', metric: 'em' }, { ...good, id: 'c', answersWanted: 'some' });
    const { records, problems } = await loadRecords(path);
    expect(records).toEqual([scored]);
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^metric: .*"exact_match"/),
      expect.stringMatching(/^answersWanted: .*"any"\|"all"/),
    ]);
  });

  it('stops at the first problem if strict, naming file and line', async () => {
    const path = await fileOf(good, good);
    await expect(loadRecords(path, { strict: true })).rejects.toMatchObject({ kind: 'record', line: 2 });
    await expect(loadRecords(path, { strict: true })).rejects.toThrow(
      `${path}, line 2: id "a" already occurs in line 1.`,
    );
  });

  it('takes haystacks without question and answer on request', async () => {
    const path = await fileOf({ ...good, question: '', answers: [] });
    expect((await loadRecords(path, { requireGold: false })).records).toHaveLength(1);
  });

  it('fills in optional fields and keeps evidence', async () => {
    const { source: _, ...rest } = good;
    const path = await fileOf({
      ...rest,
      documents: [{ text: 'It was me.' }],
      evidence: [{ document: 0, start: 0, end: 2 }],
    });
    const [record] = (await loadRecords(path)).records;
    expect(record.source).toBe('');
    expect(record.documents).toEqual([{ text: 'It was me.' }]);
    expect(record.evidence).toEqual([{ document: 0, start: 0, end: 2 }]);
  });

  it('cuts lines at line feeds only, whatever they hold and wherever the file is read in parts', async () => {
    const text = `\u2028\u2029\u0085 ${'é😀'.repeat(60_000)}`;
    const path = await fileOf(`\ufeff${JSON.stringify({ ...good, documents: [{ text }] })}\r`, { ...good, id: 'b' });
    const { records, problems } = await loadRecords(path);
    expect(problems).toEqual([]);
    expect(records.map((record) => record.id)).toEqual(['a', 'b']);
    expect(records[0].documents[0].text).toBe(text);
  });

  it('says that a file cannot be read', async () => {
    await expect(loadRecords(join(tmpdir(), 'no-such-file.jsonl'))).rejects.toThrow(
      /Cannot read .*no-such-file\.jsonl/,
    );
  });
});

describe('readRecords', () => {
  it('gives records before the whole file is read', async () => {
    const path = await fileOf(good, '{');
    for await (const record of readRecords(path, { strict: true })) {
      expect(record.id).toBe('a');
      break;
    }
  });
});
