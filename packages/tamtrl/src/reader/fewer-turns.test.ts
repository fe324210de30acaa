/** Readings that stop early, and readings side by side. */
import { describe, expect, it } from 'vitest';
import { chatGatedPrompts } from '../memory/prompts.js';
import { readDocument } from './read-document.js';
import type { MemoryEvent } from './reader.js';
import { scripted } from './scripted.test-support.js';
import { readSideBySide } from './side-by-side.js';

describe('a model that stops reading', () => {
  const write = (prompt: string) => {
    if (prompt.includes('Answer the question')) return prompt.includes('Oslo') ? '\\boxed{Oslo}' : '\\boxed{?}';
    const section = prompt.slice(prompt.indexOf('<section>'));
    if (prompt.includes('where is ben')) return section.includes('Ben is in Rome') ? 'Ben is in Rome.\nDONE' : 'SAME';
    return section.includes('Ada is in Oslo') ? 'Ada is in Oslo.\nDONE' : 'SAME';
  };
  const long = ['Nobody is here.', 'Ada is in Oslo.', 'It rains.', 'Ben is in Rome.', 'It snows.', 'The end.'].join(
    '\n',
  );
  const limits = { chunkTokens: 8, memoryTokens: 40, answerTokens: 40, questionTokens: 20 };
  const options = { ...limits, prompts: chatGatedPrompts, align: 'sentence' as const };

  it('reads no further, and answers', async () => {
    const model = scripted(write);
    const events: MemoryEvent[] = [];
    const onEvent = (event: MemoryEvent) => void events.push(event);
    const reading = await readDocument({ ...options, model, question: 'where is ada', document: long, onEvent });
    expect(reading.answer).toBe('Oslo');
    expect(reading.memory.at(-1)).toBe('Ada is in Oslo.');
    expect(events.map(({ memories }) => memories[0].exited)).toEqual([...events.slice(1).map(() => undefined), true]);
    expect(model.prompts.some((prompt) => prompt.includes('snows'))).toBe(false);
    expect(reading.state.questions[0]).toMatchObject({ exited: true, memory: 'Ada is in Oslo.' });
    // A state goes on as it was left; a text that has changed is read again.
    const again = scripted(write);
    const same = await readDocument({
      ...options,
      model: again,
      question: 'where is ada',
      document: long,
      state: reading.state,
    });
    expect(same.answer).toBe('Oslo');
    expect(again.prompts).toHaveLength(1);
    const changed = scripted((prompt) => write(prompt.replaceAll('Paris', 'Oslo')).replaceAll('Oslo', 'Paris'));
    const document = long.replace('Oslo', 'Paris');
    const other = await readDocument({
      ...options,
      model: changed,
      question: 'where is ada',
      document,
      state: reading.state,
    });
    expect(other.memory.at(-1)).toBe('Ada is in Paris.');
  });

  it('stops for one question, and goes on for another', async () => {
    const model = scripted(write);
    const question = ['where is ada', 'where is ben'];
    const { answers, turns } = await readDocument({ ...options, model, question, document: long });
    expect(answers.map(({ memory }) => memory)).toEqual(['Ada is in Oslo.', 'Ben is in Rome.']);
    const snow = model.prompts.filter((prompt) => prompt.includes('snows'));
    expect(snow).toEqual([]);
    expect(turns).toBeGreaterThan(2);
  });
});

describe('reading side by side', () => {
  const write = (prompt: string) => {
    if (prompt.includes('Answer the question')) return `\\boxed{${/Ada is in (\w+)/.exec(prompt)?.[1] ?? '?'}}`;
    const parts = [...prompt.matchAll(/(?:Ada|Ben) is in \w+\./g)].map(([found]) => found);
    return [...new Set(parts)].join('\n') || 'No notes yet.';
  };
  const long = ['Nobody is here.', 'Ada is in Oslo.', 'It rains.', 'Ben is in Rome.', 'It snows.', 'The end.'].join(
    '\n',
  );
  const limits = { chunkTokens: 8, memoryTokens: 40, answerTokens: 40, questionTokens: 20 };

  it('merges what the parts told, and knows where it comes from', async () => {
    const model = scripted(write);
    const progress: object[] = [];
    const reading = await readSideBySide({
      ...limits,
      model,
      align: 'sentence',
      question: ['where is ada', 'where is ben'],
      document: long,
      onProgress: (done) => progress.push(done),
    });
    expect(reading.answer).toBe('Oslo');
    const [{ memory, provenance }] = reading.answers;
    expect(memory).toBe('Ada is in Oslo.\nBen is in Rome.');
    expect(provenance.map(({ text, source }) => [text, source && long.slice(source.start, source.end)])).toEqual([
      ['Ada is in Oslo.', 'Ada is in Oslo.'],
      ['Ben is in Rome.', 'Ben is in Rome.'],
    ]);
    expect(reading.merges).toBeGreaterThan(0);
    expect(progress.at(-1)).toEqual({ chunks: 2 * reading.chunks, merges: reading.merges });
    expect(model.prompts.some((prompt) => prompt.includes('<later>'))).toBe(true);
    expect(reading.tokens.total).toBe(reading.tokens.prompt + reading.tokens.output);
  });

  it('is refused where it makes no sense', async () => {
    const model = scripted(write);
    const ask = (more: object) => readSideBySide({ ...limits, model, question: 'q', document: long, ...more });
    await expect(ask({ parallel: 0 })).rejects.toThrow('`parallel` is 0, expected a whole number of chunks');
    await expect(ask({ document: '' })).rejects.toThrow('The text is empty');
    await expect(ask({ question: ' ' })).rejects.toThrow('There is no question');
    await expect(ask({ prompts: chatGatedPrompts })).rejects.toThrow('let the model stop reading');
    expect(model.prompts).toEqual([]);
  });
});
