/** Sentence-level supporting facts of HotpotQA and 2WikiMultihopQA. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { hotpot, importAll } from './import-all.test-support.js';

const fixture = (name: string) => fileURLToPath(new URL(`../../../fixtures/data/${name}`, import.meta.url));

async function fileOf(content: unknown): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'sentences-')), 'data.json');
  await writeFile(path, JSON.stringify(content));
  return path;
}

describe('data import --sentences', () => {
  it('marks supporting sentences if asked to, as spans of the joined text', async () => {
    const marked = async (row: object) => {
      const { records, problems } = await importAll(await fileOf([row]), { sentences: true });
      expect(problems).toEqual([]);
      const [{ documents: found, evidence }] = records;
      return evidence?.map(({ document, start, end }) => found[document].text.slice(start, end));
    };
    const wanted = ['River 0 flows to delta 0.', 'Delta 0 lies at Lake 0.'];
    expect(await marked(hotpot)).toEqual(wanted);
    const columns = { title: ['River 0', 'Delta 0'], sent_id: [0, 1] };
    expect(await marked({ ...hotpot, supporting_facts: columns })).toEqual(wanted);
    expect(await marked({ ...hotpot, supporting_facts: JSON.stringify(hotpot.supporting_facts) })).toEqual(wanted);
    const { records } = await importAll(fixture('hotpotqa.parquet'), { sentences: true });
    expect(records[0].evidence).toHaveLength(2);
    // Blank sentences take no place, blank paragraphs no number, and for a sentence that is not there, its paragraph is
    // marked.
    const blanks = {
      ...hotpot,
      context: [
        ['Empty', ['', ' ']],
        ['River 0', ['', ' River 0 flows to delta 0. ', ' It is long.']],
        ...hotpot.context.slice(1),
      ],
      supporting_facts: [
        ['River 0', 2],
        ['River 0', 1],
        ['Delta 0', 7],
      ],
    };
    expect(await marked(blanks)).toEqual([
      'It is long.',
      'River 0 flows to delta 0.',
      'A delta is wide. Delta 0 lies at Lake 0.',
    ]);
    const [{ documents }] = (await importAll(await fileOf([blanks]), { sentences: true })).records;
    expect(documents.map(({ title }) => title)).not.toContain('Empty');
    expect(await marked({ ...hotpot, supporting_facts: [['Somewhere', 0]] })).toBeUndefined();
    expect((await importAll(await fileOf([hotpot]))).records[0].evidence).toBeUndefined();
  });

  it('marks no sentences where the data set names none', async () => {
    const row = {
      id: 'm',
      question: 'q',
      answer: 'a',
      paragraphs: [{ title: 't', paragraph_text: 'a', is_supporting: true }],
    };
    await expect(importAll(await fileOf([row]), { sentences: true })).rejects.toThrow(
      /musique does not say which sentences support an answer; hotpotqa and 2wikimultihopqa do\./,
    );
  });
});
