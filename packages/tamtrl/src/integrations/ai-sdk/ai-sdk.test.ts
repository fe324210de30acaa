/** The middleware and the provider, with versions 6 and 7 of the SDK. */
import { readFile } from 'node:fs/promises';
import type { LanguageModelV3, LanguageModelV3CallOptions, LanguageModelV3Usage } from '@ai-sdk/provider';
import * as six from 'ai';
import { MockLanguageModelV3 } from 'ai/test';
import * as seven from 'ai7';
import { MockLanguageModelV4 } from 'ai7/test';
import { afterAll, describe, expect, it } from 'vitest';
import { CountingTokenizer } from '../../policy/openai/counting-tokenizer.js';
import { memoryMiddleware } from './middleware.js';
import { overlongPart, promptTokens } from './overlong.js';
import { tamtrl } from './provider.js';

const usage = (input: number, output: number): LanguageModelV3Usage => ({
  inputTokens: { total: input, noCache: input, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: output, text: output, reasoning: undefined },
});
const book = 'The ship left Bristol in the spring. '.repeat(400);

/** Notes for prompts that ask for them, an answer otherwise. */
function scripted() {
  const calls: LanguageModelV3CallOptions[] = [];
  const say = (options: LanguageModelV3CallOptions) => {
    calls.push(options);
    const text = JSON.stringify(options.prompt);
    return text.includes('<section>') ? `note ${calls.length}` : 'In spring.';
  };
  const doGenerate = async (options: LanguageModelV3CallOptions) => ({
    content: [{ type: 'text' as const, text: say(options) }],
    usage: usage(100, 10),
    warnings: [],
    finishReason: { unified: 'stop' as const, raw: 'stop' },
  });
  const doStream = async (options: LanguageModelV3CallOptions) => {
    const text = say(options);
    return {
      stream: new ReadableStream({
        start(controller) {
          controller.enqueue({ type: 'stream-start', warnings: [] });
          controller.enqueue({ type: 'text-start', id: 'a' });
          for (const delta of text.split(/(?= )/)) controller.enqueue({ type: 'text-delta', id: 'a', delta });
          controller.enqueue({ type: 'text-end', id: 'a' });
          controller.enqueue({ type: 'finish', usage: usage(100, 10), finishReason: { unified: 'stop', raw: 'stop' } });
          controller.close();
        },
      }),
    };
  };
  return { calls, doGenerate, doStream };
}

const counted = (calls: readonly LanguageModelV3CallOptions[]) =>
  calls.map((call) => promptTokens(call, new CountingTokenizer()) + (call.maxOutputTokens ?? 0));

describe.each([
  ['ai 6', six, MockLanguageModelV3],
  ['ai 7', seven as unknown as typeof six, MockLanguageModelV4 as unknown as typeof MockLanguageModelV3],
])('%s', (_, ai, MockLanguageModel) => {
  const options = { contextLength: 1500, memoryTokens: 100, answerTokens: 100 };
  const wrapped = () => {
    const script = scripted();
    const model = new MockLanguageModel({ doGenerate: script.doGenerate, doStream: script.doStream as never });
    return { ...script, model: ai.wrapLanguageModel({ model, middleware: memoryMiddleware(options) }) };
  };

  it('reads what is too long, leaves the rest alone, shows the notes and adds up usage', async () => {
    const { model, calls } = wrapped();
    const messages = [
      {
        role: 'user' as const,
        content: [
          { type: 'text' as const, text: book },
          { type: 'text' as const, text: 'When did it leave?' },
        ],
      },
    ];
    const result = await ai.generateText({ model, system: 'Be brief.', messages });
    expect(result.text).toBe('In spring.');
    expect(result.reasoningText).toMatch(/Notes after part 1:\nnote 1/);
    expect(calls.length).toBeGreaterThan(4);
    expect(result.usage).toMatchObject({ inputTokens: 100 * calls.length, outputTokens: 10 * calls.length });
    for (const tokens of counted(calls)) expect(tokens).toBeLessThanOrEqual(1500);
    const last = calls[calls.length - 1].prompt;
    expect(last[0]).toMatchObject({ role: 'system', content: 'Be brief.' });
    expect(JSON.stringify(last)).toContain(`note ${calls.length - 1}`);
    expect(JSON.stringify(last)).toContain('When did it leave?');
    expect(JSON.stringify(calls[0].prompt)).toContain('When did it leave?');
  });

  const file = (data: Uint8Array, mediaType: string, filename?: string) => ({
    role: 'user' as const,
    content: [
      { type: 'file' as const, data, mediaType, ...(filename !== undefined && { filename }) },
      { type: 'text' as const, text: 'When did it leave?' },
    ],
  });

  it('reads a long text file, and leaves a short one and other files to the provider', async () => {
    const { model, calls } = wrapped();
    const long = await ai.generateText({ model, messages: [file(Buffer.from(book), 'text/plain', 'ship.txt')] });
    expect(long.reasoningText).toMatch(/Notes after part 1:\nnote 1/);
    expect(JSON.stringify(calls[0].prompt)).toContain('ship.txt:');
    for (const tokens of counted(calls)) expect(tokens).toBeLessThanOrEqual(1500);
    for (const [bytes, type] of [
      [Buffer.from('It left in spring.'), 'text/plain'],
      [Buffer.alloc(100_000), 'application/pdf'],
    ] as const) {
      const before = calls.length;
      await ai.generateText({ model, messages: [file(bytes, type)] });
      expect(calls.length).toBe(before + 1);
      expect(calls.at(-1)?.prompt[0]).toMatchObject({ content: [{ type: 'file' }, { type: 'text' }] });
    }
  });

  it('with readFiles, gives the model the text of every kind; with a budget, reads a part', async () => {
    const script = scripted();
    const mock = new MockLanguageModel({ doGenerate: script.doGenerate, doStream: script.doStream as never });
    const read = (more: object) =>
      ai.wrapLanguageModel({ model: mock, middleware: memoryMiddleware({ ...options, ...more }) });
    const docx = await readFile(new URL('../../../fixtures/documents/pandoc.docx', import.meta.url));
    const type = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';
    await ai.generateText({ model: read({ readFiles: true }), messages: [file(docx, type, 'report.docx')] });
    expect(script.calls).toHaveLength(1);
    expect(script.calls[0].prompt[0]).toMatchObject({
      content: [{ type: 'text', text: expect.stringMatching(/^report\.docx:\n\n[\s\S]*anna oslo/) }, { type: 'text' }],
    });
    const stream = ai.streamText({ model: read({ readFiles: true }), messages: [file(docx, type)] });
    expect(await stream.text).toBe('In spring.');
    await expect(
      ai.generateText({
        model: read({ readFiles: true }),
        maxRetries: 0,
        messages: [file(Buffer.from('%PDF-'), type, 'x.pdf')],
      }),
    ).rejects.toThrow(/Cannot read the PDF x\.pdf/);
    const whole = script.calls.length;
    await ai.generateText({ model: read({}), messages: [file(Buffer.from(book), 'text/plain')] });
    const all = script.calls.length - whole;
    await ai.generateText({ model: read({ budget: 1200 }), messages: [file(Buffer.from(book), 'text/plain')] });
    expect(script.calls.length - whole - all).toBeLessThan(all / 2);
    expect(JSON.stringify(script.calls.at(-1)?.prompt)).toContain('those parts of it that a search');
  });

  it('with readFiles, reads a text by its kind, and warns of what is left out of a file', async () => {
    const script = scripted();
    const mock = new MockLanguageModel({ doGenerate: script.doGenerate, doStream: script.doStream as never });
    const model = ai.wrapLanguageModel({
      model: mock,
      middleware: memoryMiddleware({ ...options, contextLength: 4000, readFiles: true }),
    });
    const fixture = (name: string) => readFile(new URL(`../../../fixtures/documents/${name}`, import.meta.url));
    const seen = () => JSON.stringify(script.calls.at(-1)?.prompt);
    await ai.generateText({
      model,
      messages: [file(await fixture('pandoc.ipynb'), 'application/x-ipynb+json', 'a.ipynb')],
    });
    expect(seen()).toContain('The ship');
    expect(seen()).not.toContain('cell_type');
    await ai.generateText({ model, messages: [file(Buffer.from('# Ships\n\n*Aurora*'), 'text/markdown')] });
    expect(seen()).toContain('Ships\\n\\nAurora');
    await ai.generateText({ model, messages: [file(await fixture('pandoc.html'), 'text/html')] });
    expect(seen()).not.toContain('<body>');
    const mail = file(await fixture('email.eml'), 'message/rfc822', 'a.eml');
    const left = [{ type: 'other', message: 'a.eml: 1 attachment left out' }];
    expect((await ai.generateText({ model, messages: [mail] })).warnings).toMatchObject(left);
    const stream = ai.streamText({ model, messages: [mail] });
    await stream.text;
    expect(await stream.warnings).toMatchObject(left);
  });

  it('names a server that cuts prompts before a second turn is paid for', async () => {
    const script = scripted();
    const cut = async (call: LanguageModelV3CallOptions) => ({
      ...(await script.doGenerate(call)),
      usage: usage(150, 5),
    });
    const model = ai.wrapLanguageModel({
      model: new MockLanguageModel({ doGenerate: cut }),
      middleware: memoryMiddleware(options),
    });
    const asked = ai.generateText({ model, prompt: `${book}\n\nWhen did it leave?`, maxRetries: 0 });
    await expect(asked).rejects.toThrow(/cuts prompts: it counts 150 tokens where the prompt has at least/);
    expect(script.calls).toHaveLength(1);
  });

  it('streams its notes before the answer', async () => {
    const { model, calls } = wrapped();
    const result = ai.streamText({ model, prompt: `${book}\n\nWhen did it leave?` });
    const types: string[] = [];
    for await (const part of result.fullStream) types.push(part.type);
    expect(types.indexOf('reasoning-delta')).toBeLessThan(types.indexOf('text-delta'));
    expect(types.filter((type) => type === 'reasoning-start').length).toBe(calls.length - 1);
    expect(await result.text).toBe('In spring.');
    expect((await result.usage).inputTokens).toBe(100 * calls.length);
    // The question stood at the end of the text, and stays there.
    expect(JSON.stringify(calls[calls.length - 1].prompt)).toMatch(/End of the notes\]\\n\\nWhen did it leave\?/);
  });

  it('passes short prompts on untouched', async () => {
    const { model, calls } = wrapped();
    const result = await ai.generateText({ model, prompt: 'When did it leave?' });
    expect([result.text, result.reasoningText, calls.length]).toEqual(['In spring.', undefined, 1]);
  });

  it('counts the text that it must not shorten, and says when that is too much', async () => {
    const { model } = wrapped();
    await expect(ai.generateText({ model, system: book, prompt: 'Hi', maxRetries: 0 })).rejects.toThrow(
      /The prompt has up to \d+ tokens .* but the window holds 1500\. The middleware does not shorten the system prompt, tools/,
    );
  });

  it('stops when the call is aborted', async () => {
    const { model } = wrapped();
    const abortSignal = AbortSignal.abort(new Error('enough'));
    await expect(ai.generateText({ model, prompt: `${book}\n\nWhen?`, abortSignal, maxRetries: 0 })).rejects.toThrow(
      'enough',
    );
  });

  it('a cancelled stream cancels the provider, which gets no further requests', async () => {
    const script = scripted();
    let cancelled = 0;
    const endless = async () => ({
      stream: new ReadableStream({
        // One part, and then nothing.
        start: (controller) => controller.enqueue({ type: 'text-delta', id: 'a', delta: 'x' }),
        cancel: () => {
          cancelled++;
        },
      }),
    });
    const call = {
      prompt: [{ role: 'user' as const, content: [{ type: 'text' as const, text: `${book}\n\nWhen?` }] }],
    };
    const open = async () => {
      const model = new MockLanguageModel({ doGenerate: script.doGenerate, doStream: endless as never });
      const wrapped = ai.wrapLanguageModel({ model, middleware: memoryMiddleware(options) });
      const { stream } = await (wrapped as unknown as LanguageModelV3).doStream(call);
      return stream.getReader();
    };
    // While it is reading: the turn in hand may end, no other begins.
    const early = await open();
    while ((await early.read()).value?.type !== 'reasoning-end');
    await early.cancel();
    const calls = script.calls.length;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(script.calls.length).toBe(calls);
    expect(calls).toBeLessThan(4);
    // While it is answering.
    const late = await open();
    while ((await late.read()).value?.type !== 'text-delta');
    expect(cancelled).toBe(0);
    await late.cancel();
    expect(cancelled).toBe(1);
  });

  it('a stream that is not drained reads no further', async () => {
    const { model, calls } = wrapped();
    const call = {
      prompt: [{ role: 'user' as const, content: [{ type: 'text' as const, text: `${book}\n\nWhen?` }] }],
    };
    const { stream } = await (model as unknown as LanguageModelV3).doStream(call);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(calls.length).toBeLessThanOrEqual(1);
    await stream.cancel();
  });

  describe('the provider', () => {
    const model = tamtrl('mini') as LanguageModelV3 & { close(): Promise<void> };
    afterAll(() => model.close());

    it('generates and streams with a model folder', async () => {
      const prompt = 'question: anna';
      const generated = await ai.generateText({ model, prompt, maxOutputTokens: 4, temperature: 0 });
      expect(generated.usage.outputTokens).toBeLessThanOrEqual(4);
      const streamed = ai.streamText({ model, prompt, maxOutputTokens: 4, temperature: 0 });
      expect(await streamed.text).toBe(generated.text);
      expect(await streamed.finishReason).toBe(generated.finishReason);
    });

    it('warns of unsupported settings, and refuses prompts that do not fit its window', async () => {
      const { warnings } = await ai.generateText({ model, prompt: 'anna', maxOutputTokens: 2, presencePenalty: 1 });
      expect(warnings).toMatchObject([{ type: 'unsupported', feature: 'presencePenalty' }]);
      await expect(
        ai.generateText({ model, prompt: 'anna '.repeat(300), maxOutputTokens: 2, maxRetries: 0 }),
      ).rejects.toThrow(/window of mini holds 256/);
    });
  });
});

it('refuses options that do not exist or fit', () => {
  expect(() => memoryMiddleware({} as never)).toThrow('memoryMiddleware: `contextLength` is missing');
  expect(() => memoryMiddleware({ contextLength: 2000, chunkToken: 5 } as never)).toThrow(
    'Did you mean "chunkTokens"?',
  );
  expect(() => memoryMiddleware({ contextLength: 2000, budget: 0 })).toThrow('`budget` is 0, expected a whole number');
});

it('chooses the longest text of a user, and the question next to it', () => {
  const prompt = [
    { role: 'user' as const, content: [{ type: 'text' as const, text: 'a'.repeat(900) }] },
    { role: 'assistant' as const, content: [{ type: 'text' as const, text: 'b'.repeat(5000) }] },
    { role: 'user' as const, content: [{ type: 'text' as const, text: 'Why?' }] },
  ];
  expect(overlongPart(prompt, 500, [])).toMatchObject({ place: { message: 0, part: 0 }, question: 'Why?', rest: '' });
  expect(overlongPart(prompt, 500, [{ message: 0, part: 0 }])).toBeUndefined();
});
