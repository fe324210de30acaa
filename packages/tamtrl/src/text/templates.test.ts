/** Chat formats from templates in the manner of ChatML, and where stop ids come from. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadTokenizer } from './hugging-face-tokenizer.js';
import { chatFormatFromFiles, chatFormatFromTemplate, loadChatFormat } from './templates.js';

const tokenizer = await loadTokenizer(fileURLToPath(new URL('../../fixtures/tokenizers/bpe', import.meta.url)));

const CHATML = `{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}
{{- '<think>\\n\\n</think>\\n\\n' }}
{%- endif %}
{%- endif %}`;
const user = [{ role: 'user', content: 'Hi' }] as const;
const RENDERED = '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n';

describe('chatFormatFromTemplate', () => {
  it('ends where the assistant begins', () => {
    expect(chatFormatFromTemplate({ template: CHATML, stopIds: [2] }).render(user)).toBe(RENDERED);
  });

  it('hands on enable_thinking only if it is given', () => {
    const render = (enableThinking?: boolean) =>
      chatFormatFromTemplate({ template: CHATML, stopIds: [2], enableThinking }).render(user);
    expect(render(false)).toBe(`${RENDERED}<think>\n\n</think>\n\n`);
    expect(render(true)).toBe(RENDERED);
    expect(render()).toBe(RENDERED);
  });

  it('fills in the begin and end tokens and further variables', () => {
    const template = '{{ bos_token }}[{{ tone }}]{{ messages[0].content }}{{ eos_token }}';
    const format = chatFormatFromTemplate({
      template,
      stopIds: [2],
      bosToken: '<s>',
      eosToken: '</s>',
      variables: { tone: 'dry' },
    });
    expect(format.render(user)).toBe('<s>[dry]Hi</s>');
  });

  it('says which messages a template refused, and that a template is broken', () => {
    const template = "{% if messages[0].role == 'system' %}{{ raise_exception('no system messages') }}{% endif %}";
    const format = chatFormatFromTemplate({ template, stopIds: [2] });
    expect(() => format.render([{ role: 'system', content: 'x' }, ...user])).toThrow(
      /refused the messages \(system, user\).*no system messages/,
    );
    expect(() => chatFormatFromTemplate({ template: '{% for %}', stopIds: [2] })).toThrow(/not valid Jinja/);
  });
});

describe('a template that would never end, or fill the memory', () => {
  const render = (template: string) => chatFormatFromTemplate({ template, stopIds: [2] }).render(user);
  const numbers = '{% set r = range(30000) %}';

  it.each([
    ['loops within loops', `${numbers}{% for i in r %}{% for j in r %}{{ j }}{% endfor %}{% endfor %}`, 'steps'],
    ['loops over nothing', `${numbers}{% for i in r %}{% for j in r %}{% endfor %}{% endfor %}`, 'steps'],
    ['a large range', '{% for i in range(1000000000) %}x{% endfor %}', 'a range of 1000000000 numbers'],
    ['a range without end', '{{ range(0, 1, 0) }}', 'a range of Infinity numbers'],
    [
      'a string that doubles',
      '{% set n = namespace(s="ab") %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}',
      'characters',
    ],
    [
      'a list of itself twice',
      '{% set n = namespace(x=[1]) %}{% for i in range(40) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x | tojson }}',
      'entries',
    ],
    [
      'long strings again and again',
      `${numbers}{% set n = namespace(s="ab") %}{% for i in range(20) %}{% set n.s = n.s + n.s %}{% endfor %}{% for i in r %}{{ n.s | upper | length }}{% endfor %}`,
      'steps',
    ],
    ['a macro that calls itself', '{% macro m(f) %}{{ f(f) }}{% endmacro %}{{ m(m) }}', 'call themselves endlessly'],
    ['an array looked through', `${numbers}{% for i in r %}{{ -1 in r }}{% endfor %}`, 'steps'],
  ])('%s', (_, template, what) => {
    expect(() => render(template)).toThrow(
      expect.objectContaining({ kind: 'chat-template', message: expect.stringContaining(what) }),
    );
  });

  it('a source that is too long, or nested too deep', () => {
    expect(() => render('x'.repeat(2 ** 18 + 1))).toThrow(/it has 262145 characters; the limit is 262144/);
    expect(() => render(`{% set x = 1 %}${' '.repeat(200_000)}x`)).toThrow(/more than 1000 blanks in a row/);
    expect(() => render(`{{ ${'('.repeat(20_000)} }}`)).toThrow(/not valid Jinja: its parts are nested too deep/);
  });

  it('renders a long chat, the date and what the library declares', () => {
    const messages = Array.from({ length: 2000 }, () => ({ role: 'user' as const, content: 'word '.repeat(1000) }));
    const template = '{% for m in messages %}{{ messages[loop.index0].content + m.role }}{% endfor %}';
    expect(chatFormatFromTemplate({ template, stopIds: [2] }).render(messages)).toHaveLength(2000 * 5004);
    expect(render('{{ strftime_now("%d %b %Y") }}')).toMatch(/^\d\d [A-Z][a-z]+ \d{4}$/);
    expect(render('{% for i in range(5, 0, -2) %}{{ i }}{% endfor %}{{ None is none }}{{ range(3) | length }}')).toBe(
      '531true3',
    );
  });
});

describe('chatFormatFromFiles', () => {
  it('takes stop ids from both configurations, each once', () => {
    const stopIds = (eos: unknown, generation: unknown) =>
      chatFormatFromFiles(
        { tokenizerConfig: { chat_template: CHATML, eos_token: eos }, generationConfig: { eos_token_id: generation } },
        tokenizer,
      ).stopIds;
    expect(stopIds('<|im_end|>', [2, 0])).toEqual([2, 0]);
    expect(stopIds('<|im_end|>', 0)).toEqual([0, 2]);
    expect(stopIds({ content: '<|im_end|>' }, undefined)).toEqual([2]);
    expect(() => stopIds(undefined, undefined)).toThrow(/does not say which token ends a turn/);
  });

  it('takes the default of several templates', () => {
    const named = [
      { name: 'tool_use', template: 'tools' },
      { name: 'default', template: 'default' },
    ];
    const format = chatFormatFromFiles(
      { tokenizerConfig: { chat_template: named, eos_token: '<|im_end|>' } },
      tokenizer,
    );
    expect(format.render(user)).toBe('default');
  });

  it('refuses a base model unless a template is given', () => {
    const tokenizerConfig = { eos_token: '<|im_end|>' };
    expect(() => chatFormatFromFiles({ tokenizerConfig }, tokenizer, { model: 'Base-1B' })).toThrow(
      /Base-1B is a base model, not a chat model: it has no chat template.*instruct or chat version/,
    );
    expect(chatFormatFromFiles({ tokenizerConfig }, tokenizer, { template: CHATML }).render(user)).toBe(RENDERED);
  });
});

describe('loadChatFormat', () => {
  it('reads a folder; chat_template.jinja goes before the configuration', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chat-'));
    await writeFile(
      join(folder, 'tokenizer_config.json'),
      JSON.stringify({ chat_template: 'old', eos_token: '<|im_end|>' }),
    );
    await writeFile(join(folder, 'generation_config.json'), JSON.stringify({ eos_token_id: [2, 0] }));
    expect((await loadChatFormat(folder, tokenizer)).render(user)).toBe('old');
    await writeFile(join(folder, 'chat_template.jinja'), CHATML);
    const format = await loadChatFormat(folder, tokenizer);
    expect(format.render(user)).toBe(RENDERED);
    expect(format.stopIds).toEqual([2, 0]);
  });

  it('names the folder in its refusal', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chat-'));
    await expect(loadChatFormat(folder, tokenizer)).rejects.toThrow(folder);
  });
});
