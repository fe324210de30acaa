/** Files become the words in them, whatever is done to their form. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, open, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MAX_HTML_NESTING, MAX_MARKDOWN_BYTES } from '../../base/limits.js';
import { joinedPieces } from '../places.js';
import { contentOfBytes } from './content.js';
import { convert, loadContent, loadText } from './load.js';

const bytes = (text: string) => new TextEncoder().encode(text);
const html = (text: string) => convert('html', bytes(text), 'page.html');
const markdown = (text: string) => convert('markdown', bytes(text), 'notes.md');

async function fileOf(name: string, content: string): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'load-')), name);
  await writeFile(path, content);
  return path;
}

describe('HTML', () => {
  it('is read to its end, however long it is', async () => {
    expect((await html(`<p>${'x'.repeat(2 ** 24)}</p><p>anna oslo</p>`)).slice(-11)).toBe('\n\nanna oslo');
  });

  it('keeps the cells of a row apart, and rows', async () => {
    const row = (tag: string, cells: readonly string[]) =>
      `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join('')}</tr>`;
    const table = `<table><thead>${row('th', ['Name', 'City', 'Year'])}</thead>\n<tbody>${row('td', ['<p>Anna</p>', 'Oslo', '1987'])}
      ${row('td', ['', 'Rome<br>Linz', ''])}</tbody></table>`;
    expect(await html(`before${table}after`)).toBe(
      'before\n\nName | City | Year\nAnna | Oslo | 1987\n | Rome\nLinz | \n\nafter',
    );
    expect(await html('<table><tr><td>a<td>b<tr><td>c</table>')).toBe('a | b\nc');
    expect(await html('<table><tr><td><table><tr><td>x<td>y</table><td>z</table>')).toBe('x | y | z');
  });

  it('separates terms and definitions, numbers items, and leaves code unchanged', async () => {
    expect(await html('<dl><dt>Buyer</dt><dd>Anna</dd><dt>Price</dt><dd>5</dd></dl>')).toBe('Buyer\nAnna\nPrice\n5');
    const list = '<ol start="3"><li>three<ul><li>a</li><li><p>b</p></li></ul></li><li>four</li></ol>';
    expect(await html(list)).toBe('3. three\n  - a\n  - b\n\n4. four');
    expect(await html('<p>x</p><pre>a  b\n\n\n  c\n</pre>y')).toBe('x\n\na  b\n\n\n  c\n\ny');
  });

  it('reads the title and the words, and no scripts, styles, menus or comments', async () => {
    const page = `<!doctype html><html><head><title>Ships &amp; ports</title><style>p{}</style><script>if (a<b) x("</p>")</script>
      </head><body><nav><ul><li>Home</li></ul></nav><noscript>Turn on JavaScript</noscript><h1>The  ship</h1>
      <p>left <b>Bristol</b>,\n<i>in</i><!-- never --> spring.<p>It came back.<img alt="a ship"></body></html>`;
    expect(await html(page)).toBe('Ships & ports\n\nThe ship\n\nleft Bristol, in spring.\n\nIt came back.');
  });

  it('does not depend on how the text is split', async () => {
    const text = `<p>anna oslo ${'é'.repeat(70_000)}</p><table><tr><td>a</td><td>b</td></tr></table>`;
    let read = '';
    for await (const piece of loadText(await fileOf('a.html', text))) read += piece.text;
    expect(read).toBe(await html(text));
  });

  it('in any encoding that it declares is read, and sections are its places', async () => {
    const page = Buffer.from('<meta charset="shift_jis"><h2>\x93\x8c\x8b\x9e</h2><p>anna</p>', 'latin1');
    const pieces = [];
    for await (const piece of loadContent(contentOfBytes(page, 'a.html'))) pieces.push(piece);
    expect(joinedPieces(pieces)).toEqual({ text: '東京\n\nanna', places: [{ at: 0, label: 'section "東京"' }] });
  });

  it('nested deep is read, and refused beyond all reason', async () => {
    const nested = (depth: number) => `${'<div>'.repeat(depth)}anna${'</div>'.repeat(depth)}`;
    expect(await html(nested(1000))).toBe('anna');
    await expect(html(nested(MAX_HTML_NESTING + 1))).rejects.toThrow(
      /page\.html has HTML elements nested more than 1000/,
    );
  });
});

it.skipIf(process.platform === 'win32')('named pipes and devices are refused, and never waited for', async () => {
  const pipe = join(await mkdtemp(join(tmpdir(), 'load-')), 'pipe');
  execFileSync('mkfifo', [pipe]);
  for (const path of [pipe, '/dev/zero']) {
    await expect(loadText(path).next()).rejects.toThrow(
      `${path} is not a regular file, but a named pipe, a socket or a device. Pipe its contents to stdin instead`,
    );
  }
});

describe('Markdown', () => {
  it.each([
    ['emphasis that never closes', '**a *b c** '.repeat(10_000), /a b c/],
    ['underscores within words', '_a_b'.repeat(30_000), /a_b/],
    ['brackets', '[a]('.repeat(30_000), /^\[a\]\(/],
    ['backquotes', Array.from({ length: 400 }, (_, at) => '`'.repeat(at + 1)).join('a'), /^`/],
  ])('of %s takes no time', async (_, text, expected) => {
    expect((await markdown(text)).slice(0, 100)).toMatch(expected);
  });

  it.each([
    ['quotations', '>'.repeat(2_500)],
    ['a list', Array.from({ length: 1_500 }, (_, depth) => `${'  '.repeat(depth)}- a`).join('\n')],
    ['lists in one line', `${'- '.repeat(3_000)}x`],
  ])('of %s nested deep is refused in a sentence', async (_, text) => {
    await expect(markdown(text)).rejects.toThrow(/notes\.md has lists or quotations nested more than 200 deep/);
  });

  it('keeps the text before a second rule, and the fields of front matter', async () => {
    expect(await markdown('---\nThe ship left.\n\n---\nIt came back.\n')).toBe('The ship left.\n\nIt came back.');
    for (const newline of ['\n', '\r\n']) {
      const text = ['---', 'author: Anna', 'year: 1987', '---', '# Ships', ''].join(newline);
      expect((await markdown(text)).replaceAll('\r', '')).toBe('author: Anna\nyear: 1987\n\nShips');
    }
    expect(await markdown('---\n"anna": [\n---\nx')).toMatch(/"anna": \[[\s\S]*x/);
  });

  it('keeps tables in HTML, summaries, numbers of items, lines of a paragraph, and alternative texts', async () => {
    const text =
      '<table><tr><td>Anna</td><td>Oslo</td></tr></table>\n\n<details><summary>More</summary>\n\nof *it*\n\n</details>';
    expect(await markdown(text)).toBe('Anna | Oslo\n\nMore\n\nof it');
    expect(await markdown('3. three\n4. four\n\none\ntwo ![a ship](x.png)')).toBe(
      '3. three\n4. four\n\none\ntwo a ship',
    );
    expect(await markdown('```js\nif (a < b)\n  c();\n```\n`d  e`')).toMatch(/^if \(a < b\)\n {2}c\(\);\n\nd {1,2}e$/);
  });

  it('a file too large for memory is refused before it is read', async () => {
    const path = await fileOf('large.md', 'a');
    const handle = await open(path, 'r+');
    await handle.truncate(MAX_MARKDOWN_BYTES + 1);
    await handle.write('# A', 0);
    await handle.write('x'.repeat(5000), 0);
    await handle.close();
    await expect(loadText(path).next()).rejects.toThrow(
      /has 64 MiB; Markdown files of up to 64 MiB are read\. Rename it/,
    );
  });
});
