import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerIn, extractAnswer, lastBoxed } from './extract.js';

describe('extractAnswer', () => {
  it.each<[string, string]>([
    ['So \\boxed{Paris}.', 'Paris'],
    ['\\boxed{Bonn} no, \\boxed{Berlin}', 'Berlin'],
    ['\\boxed{\\frac{1}{2}}', '\\frac{1}{2}'],
    ['\\boxed{a\\}b}', 'a\\}b'],
    ['\\boxed{Bonn} and \\boxed{Ber', 'Bonn'],
    ['\\boxed{\\text{Paris}}', 'Paris'],
    ['\\boxed{\\text{a} + \\text{b}}', '\\text{a} + \\text{b}'],
    ['\\boxed{ }', ''],
    ['  Paris \n', 'Paris'],
    ['<think>\\boxed{Bonn}</think> Paris', 'Paris'],
    ['<think>x</think>y</think> \\boxed{z}', 'z'],
    ['', ''],
    ['$\\boxed 7$', '7'],
    ['so \\boxed 72$, done', '72'],
    ['It is \\boxed Paris.', 'Paris'],
    ['\\boxed {Paris}', 'Paris'],
    ['\\fbox{Paris}', 'Paris'],
    ['\\boxedpage{x}', '\\boxedpage{x}'],
    ['\\boxed{\\mathrm{Paris}}', 'Paris'],
    ['\\boxed{\\textbf{\\text{Paris}}}', 'Paris'],
    ['\\boxed{\\text{Paris}, \\text{Rome}}', 'Paris, Rome'],
    ['\\boxed{\\text{Paris},\\ \\text{Rome} and \\text{Bonn}}', 'Paris, Rome and Bonn'],
    ['\\boxed{10\\text{ cm}}', '10\\text{ cm}'],
    ['<think>is it \\boxed{Bonn}', ''],
    ['\\boxed{Paris} <think>or \\boxed{Bonn}', 'Paris'],
    ['<think>x</think>\\boxed{Paris}<think>or \\boxed{Bonn}', 'Paris'],
    [`\\boxed{Paris}${' and so on'.repeat(40)}`, 'Paris'],
  ])('%j gives %j', (output, expected) => {
    expect(extractAnswer(output)).toBe(expected);
  });

  it.each([
    ['boxes that never close', '\\boxed{'.repeat(30_000)],
    ['types within types', `\\boxed{${'\\text{'.repeat(30_000)}Paris${'}'.repeat(30_001)}`],
    ['braces', `\\boxed{${'{'.repeat(100_000)}`],
  ])('reads a long output of %s in no time', (_, output) => {
    const started = performance.now();
    expect(extractAnswer(output)).toContain(output.includes('Paris') ? 'Paris' : output);
    expect(performance.now() - started).toBeLessThan(3000);
  });

  it('searches only the tail if told', () => {
    const output = `\\boxed{Paris}${' and so on'.repeat(40)}`;
    expect(extractAnswer(output, { tail: 300 })).toBe(output);
    expect(extractAnswer(output, { tail: 300, requireBox: true })).toBe('');
    expect(extractAnswer(output)).toBe('Paris');
    // The box takes 13 characters.
    expect(extractAnswer('So \\boxed{Paris}', { tail: 13 })).toBe('Paris');
    expect(extractAnswer('So \\boxed{Paris}', { tail: 12, requireBox: true })).toBe('');
    expect(extractAnswer('\\boxed{\\text{Paris}}', { unwrapText: false })).toBe('\\text{Paris}');
    expect(extractAnswer('x \\boxed{Paris}', { boxed: false })).toBe('x \\boxed{Paris}');
  });

  it('finds any balanced content', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', '{b}', '{{c}d}', '\\{', ' ', '\\frac{1}{2}')),
        fc.string(),
        (parts, before) => {
          const content = parts.join('');
          expect(lastBoxed(`${before.replaceAll('\\', '')}\\boxed{${content}} end`)).toBe(content);
        },
      ),
    );
  });
});

it('takes the whole output if the prompts ask for no box', () => {
  expect(answerIn(' \\boxed{Paris} ', { boxed: true })).toBe('Paris');
  expect(answerIn(' \\boxed{Paris} ', { boxed: false })).toBe('\\boxed{Paris}');
});
