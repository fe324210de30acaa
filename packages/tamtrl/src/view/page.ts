/** The inspector's page: the files that packages/dashboard builds, and a run as one file with everything in it. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { RunError } from '../run/errors.js';
import type { RunSource } from './run-source.js';
import { curveSet, widthFor } from './series.js';
import { shownPath } from './shown-path.js';
import type { EmbeddedRun, GroupView, RunDetails } from './types.js';

/** Names of the page's files and their types. */
export const PAGE_FILES = {
  'index.html': 'text/html; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
} as const;

export type PageFile = keyof typeof PAGE_FILES;

/** @throws RunError `capability` if the page was not built. */
export async function pageFile(name: PageFile): Promise<string> {
  const folder = dirname(createRequire(import.meta.url).resolve('@tamtrl/dashboard/package.json'));
  try {
    return await readFile(join(folder, 'dist', name), 'utf8');
  } catch (error) {
    throw new RunError(
      'capability',
      `The inspector's page is not built: ${name} is missing in ${join(folder, 'dist')}. Run "npm run build" in the clone first.`,
      { cause: error },
    );
  }
}

/** Bytes of groups that a page alone holds; of more, the latest. */
const MOST_BYTES = 24e6;

export async function embeddedRun(source: RunSource): Promise<EmbeddedRun> {
  let reading = true;
  while (reading) reading = await source.rollouts.poll();
  const found = await source.details();
  const details: RunDetails = {
    ...found,
    source: {
      ...found.source,
      path: basename(source.path),
      problems: withoutPath(found.source.problems, source.path),
    },
  };
  const run = await source.numbers();
  const { entries: kept, counts, problems } = source.rollouts;
  const groups: Record<number, GroupView> = {};
  let bytes = 0;
  for (const number of [...new Set(kept.map(({ group }) => group))].reverse()) {
    const group = await source.rollouts.group(number);
    if (!group) continue;
    bytes += JSON.stringify(group).length;
    if (bytes > MOST_BYTES) break;
    groups[number] = group;
  }
  const entries = kept.filter(({ group }) => groups[group]);
  return {
    overview: { sources: [details.source], problems: [] },
    details,
    curves: { sets: [curveSet(details.source.name, run, widthFor([run]))], differing: [['setting']] },
    rollouts: { entries, total: entries.length, counts, problems: withoutPath(problems, source.path) },
    groups,
    readings: await source.readings(),
  };
}

/** Whoever gets the file learns the name of the run's folder, not where it lies on this machine. */
function withoutPath(texts: readonly string[], path: string): string[] {
  const name = basename(path);
  return texts.map((text) => text.replaceAll(path, name).replaceAll(shownPath(path), name));
}

/** A run as one HTML file that needs nothing else. */
export async function runPage(source: RunSource): Promise<string> {
  const [html, script, style] = await Promise.all([pageFile('index.html'), pageFile('page.js'), pageFile('page.css')]);
  const embedded = await embeddedRun(source);
  // A closing tag within the data or the program would end its element.
  const data = JSON.stringify(embedded).replaceAll('<', '\\u003c');
  const program = script.replaceAll('</script', '<\\/script');
  const policy =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'";
  const head = `<meta http-equiv="Content-Security-Policy" content="${policy}"><style>${style}</style>`;
  const body = `<script type="application/json" id="embedded">${data}</script><script type="module">${program}</script>`;
  // As functions: in a replacement text, "$&" and its like would be filled in.
  return html
    .replace(/<script[^>]*page\.js[^>]*><\/script>/, '')
    .replace(/<link[^>]*page\.css[^>]*>/, () => head)
    .replace('</body>', () => `${body}</body>`);
}
