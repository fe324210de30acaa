/**
 * The inspector's server: reads, on the loopback interface only, and answers nobody who does not know the token in its
 * address. Pages of other origins cannot know it, and what they ask for is refused by the name of its host as well.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { csv } from '../report/comparison.js';
import { metricsTable } from '../report/exports/csv.js';
import { ComparisonSource } from './comparison-source.js';
import { EvaluationSource } from './evaluation-source.js';
import type { Library, Source } from './library.js';
import { PAGE_FILES, type PageFile, pageFile, runPage } from './page.js';
import { ReadingSource } from './reading-source.js';
import { RunSource } from './run-source.js';
import type { RolloutFilter } from './types.js';

/** The only address that is listened on. */
export const HOST = '127.0.0.1';

/** Milliseconds between looks at the files while somebody watches. */
const PAUSE = 700;
/** Looks between searches for new folders. */
const SCAN_EVERY = 4;

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/** Replies by path; every path begins with the token. */
export function inspector(library: Library, token: string): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    if (!isAllowed(context, token)) return context.text('There is nothing here.', 404, HEADERS);
    await next();
    for (const [name, value] of Object.entries(HEADERS)) context.res.headers.set(name, value);
  });
  const known = <Kind extends Source>(
    context: Context,
    kind: abstract new (...args: never[]) => Kind,
    reply: (source: Kind) => Promise<Response> | Response,
  ) => {
    const source = library.get(context.req.param('id') ?? '');
    if (source instanceof kind) return reply(source);
    return context.json({ error: 'There is no such run, evaluation, comparison or reading (any more).' }, 404);
  };
  const at = `/${token}`;

  app.get(`${at}/`, () => file('index.html'));
  for (const name of ['page.js', 'page.css'] as const) app.get(`${at}/${name}`, () => file(name));

  app.get(`${at}/api/overview`, async (context) => {
    await library.scan();
    return context.json(await library.overview());
  });
  app.get(`${at}/api/curves`, async (context) => {
    const ids = (context.req.query('ids') ?? '').split(',');
    return context.json(await library.curves(ids, context.req.query('seeds') === 'band'));
  });
  app.get(`${at}/api/run/:id`, (context) =>
    known(context, RunSource, async (run) => context.json(await run.details())),
  );
  app.get(`${at}/api/rollouts/:id`, (context) =>
    known(context, RunSource, async ({ rollouts }) => {
      await rollouts.poll();
      return context.json(rollouts.page(filterOf(context)));
    }),
  );
  app.get(`${at}/api/group/:id/:number`, (context) =>
    known(context, RunSource, async ({ rollouts }) => {
      await rollouts.poll();
      const group = await rollouts.group(Number(context.req.param('number')));
      if (group) return context.json(group);
      return context.json({ error: 'This group is not in the folder of the run (any more).' }, 404);
    }),
  );
  app.get(`${at}/api/readings/:id`, (context) =>
    known(context, RunSource, async (run) => context.json(await run.readings())),
  );
  app.get(`${at}/api/evaluation/:id`, (context) =>
    known(context, EvaluationSource, async (evaluation) => context.json(await evaluation.details())),
  );
  app.get(`${at}/api/records/:id`, (context) =>
    known(context, EvaluationSource, async (evaluation) => {
      const { show, text, from } = filterOf(context);
      return context.json(
        await evaluation.page({ show: show === 'right' || show === 'wrong' ? show : 'all', text, from }),
      );
    }),
  );
  app.get(`${at}/api/comparison/:id`, (context) =>
    known(context, ComparisonSource, async (comparison) => context.json(await comparison.details())),
  );
  app.get(`${at}/api/reading/:id`, (context) =>
    known(context, ReadingSource, async (reading) => context.json(await reading.details())),
  );
  app.get(`${at}/api/passage/:id`, (context) =>
    known(context, ReadingSource, async (reading) =>
      context.json(await reading.passage(numberOf(context, 'start'), numberOf(context, 'end'))),
    ),
  );
  app.get(`${at}/export/:id/run.html`, (context) =>
    known(context, RunSource, async (run) =>
      download(await runPage(run), 'text/html; charset=utf-8', `${run.id}.html`),
    ),
  );
  app.get(`${at}/export/:id/metrics.csv`, (context) =>
    known(context, RunSource, async (run) => {
      await run.poll();
      return download(csv(metricsTable(run.lines)), 'text/csv; charset=utf-8', `${run.id}.csv`);
    }),
  );
  app.get(`${at}/api/events`, (context) =>
    streamSSE(context, async (stream) => {
      let open = true;
      // Each page has to learn of a change, also of one that another request saw first.
      const marks = () => library.sources.flatMap(marksOf);
      const seen = new Map(marks());
      stream.onAbort(() => {
        open = false;
      });
      for (let look = 1; open; look++) {
        await stream.sleep(PAUSE);
        const changed: string[] = [];
        const before = library.sources.length;
        if (look % SCAN_EVERY === 0) await library.scan();
        for (const source of library.sources) if (!(source instanceof ComparisonSource)) await source.poll();
        for (const [id, mark] of marks()) {
          if (seen.get(id) !== mark) changed.push(id);
          seen.set(id, mark);
        }
        if (library.sources.length !== before) changed.push('overview');
        // A comment keeps the connection, and shows that it is gone.
        if (changed.length > 0) await stream.writeSSE({ event: 'changed', data: JSON.stringify(changed) });
        else if (look % 20 === 0) await stream.write(': still here\n\n');
      }
    }),
  );
  app.notFound((context) => context.json({ error: 'There is no such page.' }, 404));
  app.onError((error, context) => context.json({ error: error.message }, 500));
  return app;
}

/** What a page follows of a source, each with what is another text after a change. */
function marksOf(source: Source): [string, string][] {
  if (source instanceof ComparisonSource) return [];
  if (!(source instanceof RunSource)) return [[source.id, source.mark]];
  // Numbers are not asked for again while the rollouts are indexed.
  return [
    [source.id, source.mark],
    [`${source.id}/rollouts`, source.rollouts.mark],
  ];
}

/**
 * The token must be right, and the request be for this machine by its own name: a foreign name leads here by a trick.
 */
function isAllowed({ req }: Context, token: string): boolean {
  if (req.method !== 'GET') return false;
  const { hostname, pathname } = new URL(req.url);
  if (hostname !== HOST && hostname !== 'localhost') return false;
  const site = req.header('sec-fetch-site');
  if (site === 'cross-site' || site === 'same-site') return false;
  const given = Buffer.from(pathname.split('/')[1] ?? '');
  const wanted = Buffer.from(token);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function file(name: PageFile): Promise<Response> {
  return new Response(await pageFile(name), { headers: { 'Content-Type': PAGE_FILES[name] } });
}

function download(content: string, type: string, name: string): Response {
  return new Response(content, {
    headers: { 'Content-Type': type, 'Content-Disposition': `attachment; filename="${name}"` },
  });
}

/** A whole number of at least 0; 0 for anything else. */
function numberOf({ req }: Context, name: string): number {
  const value = Number(req.query(name) ?? 0);
  return Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

const SHOWN: readonly string[] = ['all', 'right', 'wrong', 'lost', 'missed'] satisfies RolloutFilter['show'][];

function filterOf(context: Context): RolloutFilter {
  const show = context.req.query('show') ?? 'all';
  return {
    show: SHOWN.includes(show) ? (show as RolloutFilter['show']) : 'all',
    turn: numberOf(context, 'turn'),
    text: context.req.query('text') ?? '',
    order: context.req.query('order') === 'oldest' ? 'oldest' : 'newest',
    from: numberOf(context, 'from'),
  };
}

export interface Inspector {
  /** With the token. */
  address: string;
  close(): Promise<void>;
}

/** @param port 0: a free one. @throws Error of the system if the port is taken. */
export async function serve(library: Library, { port = 0 } = {}): Promise<Inspector> {
  await pageFile('index.html');
  const token = randomBytes(18).toString('base64url');
  const server = createAdaptorServer({ fetch: inspector(library, token).fetch, hostname: HOST });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, resolve);
  });
  const { port: taken } = server.address() as AddressInfo;
  return {
    address: `http://${HOST}:${taken}/${token}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}
