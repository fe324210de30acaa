import { spawnSync } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { withoutControls } from '../../base/controls.js';
import { runProgram } from '../program.js';
import { processIo } from './io.js';

const executable = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

/** Everything that steers a terminal or turns the order of a text around. */
const STEERS = /[^\P{Cc}\n]|[\u202a-\u202e\u2066-\u2069\u2028\u2029]/u;

describe('control characters', () => {
  it.each([
    ['a new title (OSC 0)', '\u001b]0;owned\u0007x', '\\u001b]0;owned\\u0007x'],
    ['the clipboard (OSC 52)', '\u001b]52;c;cm0gLXJm\u001b\\', '\\u001b]52;c;cm0gLXJm\\u001b\\'],
    ['a clear screen', '\u001b[2J\u001b[H', '\\u001b[2J\\u001b[H'],
    ['C1', '\u009b2J\u009d0;x\u009c\u0085', '\\u009b2J\\u009d0;x\\u009c\\u0085'],
    ['a return that overwrites the line', 'wrong\rright', 'wrong\\u000dright'],
    ['backspaces and DEL', 'ab\b\u007f', 'ab\\u0008\\u007f'],
    ['an order turned around', 'a\u202etxt.exe\u2066', 'a\\u202etxt.exe\\u2066'],
    ['line breaks of both kinds and tabs', 'a\nb\r\n\tc', 'a\nb\n    c'],
    ['ordinary text of any script', 'Łódź 東京 שלום \u200e👩‍🚀', 'Łódź 東京 שלום \u200e👩‍🚀'],
  ])('%s', (_, text, expected) => {
    expect(withoutControls(text)).toBe(expected);
  });

  it('never come through, and JSON keeps its value', () => {
    const unit = fc.oneof(fc.constantFrom('\u001b', '\r', '\n', '\t', '\u0085', '\u202e', '\\', '"'), fc.string());
    fc.assert(
      fc.property(fc.array(unit), (parts) => {
        const text = parts.join('');
        expect(withoutControls(text)).not.toMatch(STEERS);
        const json = JSON.stringify({ text });
        expect(withoutControls(json)).not.toMatch(STEERS);
        expect(JSON.parse(withoutControls(json))).toEqual({ text });
      }),
    );
  });
});

describe('the program', () => {
  const run = (...args: string[]) => spawnSync(process.execPath, [executable, ...args], { encoding: 'utf8' });

  /** What the executable's streams would get, within this process. */
  async function within(...args: string[]) {
    const texts: string[] = [];
    const write = (text: unknown) => texts.push(String(text)) > 0;
    const spies = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, 'write').mockImplementation(write));
    try {
      const code = await runProgram(args, { ...processIo, interactive: false });
      return { code, text: texts.join('') };
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
  }

  it('writes none of a file name, a question or an argument', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tamtrl-clean-'));
    const name = join(folder, 'a\u001b]0;owned\u0007.txt');
    await writeFile(name, 'anna oslo\nben rome\n');
    const asked = run('ask', '--model', 'mini', '--quiet', name, 'anna');
    expect([asked.status, asked.stdout + asked.stderr]).toEqual([0, expect.not.stringMatching(STEERS)]);
    for (const args of [
      ['ask', '--model', 'no\u001b[2Jne', name, 'anna'],
      ['train', '--config', name, '--out', join(folder, '\u001b[2J')],
    ]) {
      const refused = await within(...args);
      expect([refused.code, refused.text]).toEqual([2, expect.not.stringMatching(STEERS)]);
      expect(refused.text).toContain('\\u001b');
    }
  });
});
