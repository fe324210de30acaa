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
  ])('%j gives %j', (output, expected) => {
    expect(extractAnswer(output)).toBe(expected);
  });

  it('searches only the tail, and everything if told', () => {
    const output = `\\boxed{Paris}${' and so on'.repeat(40)}`;
    expect(extractAnswer(output)).toBe(output);
    expect(extractAnswer(output, { requireBox: true })).toBe('');
    expect(extractAnswer(output, { tail: Number.POSITIVE_INFINITY })).toBe('Paris');
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

it('takes the whole output where the prompts ask for no box', () => {
  expect(answerIn(' \\boxed{Paris} ', { boxed: true })).toBe('Paris');
  expect(answerIn(' \\boxed{Paris} ', { boxed: false })).toBe('\\boxed{Paris}');
});
