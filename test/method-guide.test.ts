/** docs/method.md: every formula names the file that computes it, and every method stands in it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { rewardMethods } from '../packages/tamtrl/src/reward/methods.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const guide = readFileSync(join(root, 'docs/method.md'), 'utf8');
const pathOf = (file: string) => join(root, file.startsWith('packages/') ? file : `packages/tamtrl/src/${file}`);
const filesIn = (text: string) => [...text.matchAll(/`([\w/-]+\.ts)`/g)].map(([, file]) => file);
/** Line breaks and the padding of tables do not count. */
const flat = (text: string) => text.replace(/\s+/g, ' ');

describe('docs/method.md', () => {
  it('names files that exist', () => {
    const files = filesIn(guide);
    expect(files.length).toBeGreaterThan(20);
    expect(files.filter((file) => !existsSync(pathOf(file)))).toEqual([]);
  });

  it('names a file at every step from outcome and scores to the update', () => {
    const sections = guide.split(/^#{2,3} /m);
    const steps = ['Rewards\n', 'Optimisation\n'].map((title) => {
      const section = sections.find((each) => each.startsWith(title)) ?? '';
      return section.split(/^- /m).slice(1);
    });
    expect(steps[0].length).toBeGreaterThanOrEqual(2);
    expect(steps[1].length).toBeGreaterThanOrEqual(7);
    for (const step of steps.flat()) expect(filesIn(step), step).not.toEqual([]);
  });

  it.each(rewardMethods.map((method) => [method.name, method] as const))('shows the method %s', (name, method) => {
    const row = guide.split('\n').find((line) => line.startsWith(`| \`${name}\` `));
    const cells = (row ?? '').split('|').map((cell) => cell.trim());
    expect(cells.slice(1, 3)).toEqual([`\`${name}\``, method.summary]);
    const [file] = filesIn(cells[3]);
    expect(readFileSync(pathOf(file), 'utf8')).toContain(`name: '${name}'`);
    const section = guide.split(/^#{2,3} /m).find((part) => part.startsWith(`\`${name}\`\n`));
    expect(method.documentation).toBeDefined();
    expect(flat(section ?? '')).toContain(flat(method.documentation ?? ''));
    for (const option of Object.keys(method.options ?? {})) expect(guide).toContain(`\`reward.${option}`);
  });
});
