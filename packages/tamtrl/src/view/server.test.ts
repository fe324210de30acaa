import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { RunFolder } from '../run/folder.js';
import { runConfigSchema } from '../train/config.js';
import { packed, packedLogProbabilities } from '../train/kept-groups.js';
import { Library } from './library.js';
import { inspector, serve } from './server.js';
import type { Curves, EmbeddedRun, GroupView, Overview, RolloutPage, RunDetails, SavedReading } from './types.js';

const TOKEN = 'secret-token';
const HOSTILE = '</script><img src=x onerror=alert(1)>\u001b[2J\u202e';

const turn = { kind: 'memory', stopReason: 'stop', promptTokens: 9, reward: 0.5, advantage: 1 } as const;
const keptGroup = (step: number) => ({
  step,
  questionId: `q${step}`,
  question: `Where? ${HOSTILE}`,
  answers: ['oslo'],
  initialMemory: '',
  chunks: [{ start: 0, end: 9, parts: [{ text: 'anna oslo', relevant: true as const }] }],
  rollouts: [
    {
      sample: 0,
      outcome: step % 2,
      answer: 'oslo',
      turns: [
        {
          ...turn,
          text: 'anna oslo',
          memory: [0, 9] as const,
          lengths: packed([4, 5]),
          student: packedLogProbabilities([-0.5, -1]),
          teacher: packedLogProbabilities([-0.25, Number.NaN]),
        },
        { ...turn, text: 'anna', memory: [0, 4] as const, lengths: packed([4]), student: packedLogProbabilities([0]) },
      ],
    },
  ],
});

const stepLine = (step: number) =>
  `${JSON.stringify({ kind: 'step', step, reward: step / 10, exact_match: 0, memory_tokens: 5, seconds: { train: 1 }, tokens: { prompt: 1, sampled: 1, scored: 1, trained: 1 }, updates: 1 })}\n`;

async function runIn(path: string, steps = 3): Promise<RunFolder> {
  const folder = new RunFolder(path);
  await folder.start(runConfigSchema.parse({ steps: 10 }));
  for (let step = 1; step <= steps; step++) await appendFile(folder.file('metrics'), stepLine(step));
  await folder.appendGroups([keptGroup(1), keptGroup(2)], 1e6);
  return folder;
}

let base: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'view-'));
});

async function opened(...paths: string[]) {
  const library = new Library(paths);
  await library.scan();
  const app = inspector(library, TOKEN);
  const get = async (path: string, init?: RequestInit) => app.request(`http://127.0.0.1/${path}`, init);
  const json = async <T>(path: string) => (await (await get(`${TOKEN}/api/${path}`)).json()) as T;
  return { get, json, library, sources: (await json<Overview>('overview')).sources };
}

describe('a run', () => {
  it('has curves, rollouts, and each group in full', async () => {
    const { path } = await runIn(join(base, 'whole'));
    const { json, sources } = await opened(path);
    expect(sources).toMatchObject([{ kind: 'run', name: 'whole', problems: [] }]);
    const [{ id }] = sources;
    expect((await json<RunDetails>(`run/${id}`)).steps).toEqual({ done: 3, planned: 10 });
    const { sets } = await json<Curves>(`curves?ids=${id}`);
    expect(sets[0].columns.reward.mean).toEqual([0.1, 0.2, 0.3]);
    const lost = await json<RolloutPage>(`rollouts/${id}?show=lost&turn=2`);
    expect(lost.entries.map(({ step, lost: words }) => [step, words])).toEqual([
      [2, [{ turn: 2, words: ['oslo'] }]],
      [1, [{ turn: 2, words: ['oslo'] }]],
    ]);
    expect((await json<RolloutPage>(`rollouts/${id}?show=right`)).total).toBe(1);
    expect((await json<RolloutPage>(`rollouts/${id}?show=lost&turn=1`)).total).toBe(0);
    const group = await json<GroupView>(`group/${id}/0`);
    expect(group.rollouts[0].turns[0].tokens).toEqual([
      { text: 'anna', student: -0.5, teacher: -0.25 },
      { text: ' oslo', student: -1, teacher: null },
    ]);
    expect(group.question).toContain(HOSTILE);
  });

  it('goes on: what is added is there, a half-written line is not', async () => {
    const folder = await runIn(join(base, 'live'), 1);
    const { json, sources } = await opened(folder.path);
    const reward = async () => (await json<Curves>(`curves?ids=${sources[0].id}`)).sets[0].columns.reward.mean;
    expect(await reward()).toEqual([0.1]);
    await appendFile(folder.file('metrics'), stepLine(2) + stepLine(3).slice(0, 30));
    expect(await reward()).toEqual([0.1, 0.2]);
    await appendFile(folder.file('metrics'), stepLine(3).slice(30));
    expect(await reward()).toEqual([0.1, 0.2, 0.3]);
  });

  it('with damaged lines says which, and shows the others', async () => {
    const folder = await runIn(join(base, 'damaged'), 1);
    await appendFile(folder.file('metrics'), `{"step":\nnull\n${stepLine(2)}`);
    await appendFile(
      folder.file('groups'),
      `{"step":3}\n\u0000\n${JSON.stringify({ ...keptGroup(4), initialMemory: undefined })}\n`,
    );
    const { json, sources } = await opened(folder.path);
    const [{ id }] = sources;
    const { source } = await json<RunDetails>(`run/${id}`);
    expect(source.problems).toEqual([
      `${folder.path}/metrics.jsonl: line 2 and 1 more cannot be read (expected a JSON object with a step). The other lines are shown.`,
    ]);
    const { total, problems } = await json<RolloutPage>(`rollouts/${id}`);
    expect(total).toBe(2);
    expect(problems[0]).toContain('line 3 and 2 more cannot be read');
  });

  it('of another version says so, and shows its numbers', async () => {
    const folder = await runIn(join(base, 'foreign'), 2);
    await writeFile(folder.file('config'), '{"method":"tamtrl","steps":5,"invented":true}');
    const { json, sources } = await opened(folder.path);
    expect(sources[0].problems[0]).toContain('Was it written by another version?');
    expect((await json<Curves>(`curves?ids=${sources[0].id}`)).sets[0].steps).toEqual([1, 2]);
  });

  it('that disappears stays in view, with a sentence', async () => {
    const folder = await runIn(join(base, 'gone'), 2);
    const { get, json, sources } = await opened(folder.path);
    const [{ id }] = sources;
    await json(`run/${id}`);
    await json(`rollouts/${id}`);
    await rm(folder.path, { recursive: true });
    const { source } = await json<RunDetails>(`run/${id}`);
    expect(source.problems.join()).toContain('is no longer there. What had been read is shown.');
    expect((await json<Curves>(`curves?ids=${id}`)).sets[0].steps).toEqual([1, 2]);
    const group = await get(`${TOKEN}/api/group/${id}/0`);
    expect([group.status, await group.json()]).toEqual([
      404,
      { error: 'This group is not in the folder of the run (any more).' },
    ]);
  });

  it('of an earlier version shows its rollouts in words', async () => {
    const folder = await runIn(join(base, 'earlier'), 1);
    await rm(folder.file('groups'));
    const { kind, stopReason, reward, advantage } = turn;
    await folder.appendTrajectories([
      {
        step: 1,
        questionId: 'q',
        sample: 0,
        question: 'Where?',
        answers: ['oslo'],
        outcome: 0,
        output: 'rome',
        turns: [{ kind, text: 'oslo', tokens: 1, stopReason, reward, advantage }],
      },
    ]);
    const { json, sources } = await opened(folder.path);
    const page = await json<RolloutPage>(`rollouts/${sources[0].id}`);
    expect(page.counts).toMatchObject({ kept: 1, textOnly: true });
    const group = await json<GroupView>(`group/${sources[0].id}/0`);
    expect(group.rollouts[0].turns[0]).toMatchObject({ memory: 'oslo', reward: 0.5 });
  });

  it('as one file holds its data where no text can end it', async () => {
    const { path } = await runIn(join(base, 'sent'));
    await appendFile(join(path, 'metrics.jsonl'), 'damaged\n');
    await appendFile(join(path, 'groups.jsonl'), 'damaged\n');
    const { get, sources } = await opened(path);
    const html = await (await get(`${TOKEN}/export/${sources[0].id}/run.html`)).text();
    const data = /<script type="application\/json" id="embedded">(.*?)<\/script>/s.exec(html)?.[1] ?? '';
    const { rollouts, details } = JSON.parse(data) as EmbeddedRun;
    expect(rollouts.entries).toHaveLength(2);
    expect(data).not.toContain('<');
    // Nor where it lies on this machine.
    expect([details.source.path, details.source.problems[0], rollouts.problems[0]]).toEqual([
      'sent',
      expect.stringMatching(/^sent\/metrics.jsonl: line 4 /),
      expect.stringMatching(/^sent\/groups.jsonl: line 3 /),
    ]);
    expect(html).not.toContain(base);
    expect(html).not.toMatch(/(src|href)="(?!data:)/);
  });
});

describe('folders', () => {
  it('within the working folder are shown from there on', async () => {
    const { path } = await runIn(join(base, 'work', 'runs', 'near'));
    const cwd = vi.spyOn(process, 'cwd').mockReturnValue(join(base, 'work'));
    try {
      const { sources } = await opened(path);
      expect(sources).toMatchObject([{ name: 'near', path: 'runs/near' }]);
      cwd.mockReturnValue(join(base, 'elsewhere'));
      expect((await opened(path)).sources).toMatchObject([{ path }]);
    } finally {
      cwd.mockRestore();
    }
  });

  it('that hold several things, and some that hold nothing', async () => {
    const place = join(base, 'several');
    await runIn(join(place, 'a'));
    await runIn(join(place, 'deep', 'a'));
    // Deeper than runs are looked for.
    await runIn(join(place, 'deep', 'er', 'b'));
    const empty = join(base, 'empty');
    await mkdir(empty);
    await writeFile(join(empty, 'notes.json'), '{"fingerprint":1}');
    const { json, library } = await opened(place, empty, join(base, 'nowhere'), join(empty, 'notes.json'));
    const { sources, problems } = await json<Overview>('overview');
    expect(sources.map(({ name }) => name)).toEqual(['several/a', 'deep/a']);
    expect(problems).toEqual([
      expect.stringContaining(`${empty} holds no run`),
      expect.stringContaining('nowhere is not there (yet)'),
      expect.stringContaining('notes.json is no saved reading'),
    ]);
    // A run that begins later appears.
    await runIn(join(empty, 'b'));
    await library.scan();
    expect((await json<Overview>('overview')).sources).toHaveLength(3);
  });
});

describe('a saved reading', () => {
  it('shows the place of a piece, unless the text has changed', async () => {
    const { fnv1a } = await import('../base/hash.js');
    const text = 'Ann sold the horse in May.\nBen bought it.\n';
    const document = join(base, 'book.txt');
    await writeFile(document, `${text}And more.`);
    const state = join(base, 'state.json');
    const source = { chunk: 0, start: 0, end: 18, match: 'exact' };
    const pieces = [{ text: 'Ann sold the horse', source }];
    await writeFile(
      state,
      JSON.stringify({
        version: 1,
        questions: [{ question: 'Who?', memory: 'Ann sold the horse', pieces }],
        budgets: { questionTokens: 1, chunkTokens: 1, memoryTokens: 1, answerTokens: 1 },
        turns: 1,
        position: text.length,
        fingerprint: fnv1a(text),
        pending: '',
        tokens: { prompt: 1, output: 1 },
        seconds: 1,
        documents: [document],
      }),
    );
    const { get, json, sources } = await opened(state);
    const [{ id, kind }] = sources;
    expect(kind).toBe('reading');
    const passage = await json(`passage/${id}?start=0&end=18`);
    expect(passage).toEqual({
      before: '',
      place: 'Ann sold the horse',
      after: ' in May.\nBen bought it.\n',
      start: 0,
      end: 18,
    });
    await writeFile(document, text.replace('Ann', 'Eve'));
    const { json: later, get: ask } = await opened(state);
    expect((await later<SavedReading>(`reading/${id}`)).problem).toContain('has changed since it was read');
    const refused = await ask(`${TOKEN}/api/passage/${id}?start=0&end=18`);
    expect(refused.status).toBe(500);
    expect(await get(`${TOKEN}/api/reading/nobody`)).toMatchObject({ status: 404 });
  });
});

describe('the server', () => {
  it('gives nothing without the token, under another name, to another origin, or to write', async () => {
    const { path } = await runIn(join(base, 'guarded'));
    const library = new Library([path]);
    await library.scan();
    const app = inspector(library, TOKEN);
    const status = async (url: string, init?: RequestInit) => (await app.request(url, init)).status;
    const good = `http://127.0.0.1/${TOKEN}/api/overview`;
    expect(await status(good)).toBe(200);
    for (const url of [
      'http://127.0.0.1/',
      'http://127.0.0.1/api/overview',
      `http://127.0.0.1/${TOKEN}x/api/overview`,
      `http://127.0.0.1/${TOKEN.slice(0, -1)}/api/overview`,
      `http://127.0.0.1//${TOKEN}/api/overview`,
      `http://evil.example/${TOKEN}/api/overview`,
      `http://127.0.0.1.evil.example/${TOKEN}/api/overview`,
    ])
      expect(await status(url), url).toBe(404);
    for (const site of ['cross-site', 'same-site']) {
      expect(await status(good, { headers: { 'sec-fetch-site': site } })).toBe(404);
    }
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) expect(await status(good, { method })).toBe(404);
    const { headers } = await app.request(good);
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('referrer-policy')).toBe('no-referrer');
  });

  it('listens on the loopback interface only, under a new token each time', async () => {
    const { path } = await runIn(join(base, 'served'));
    const library = new Library([path]);
    const [one, other] = [await serve(library), await serve(library)];
    try {
      expect(one.address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{24}\/$/);
      const page = await fetch(one.address);
      expect(await page.text()).toContain('page.js');
      const [, token] = new URL(other.address).pathname.split('/');
      expect((await fetch(new URL(`/${token}/`, one.address))).status).toBe(404);
      await expect(serve(library, { port: Number(new URL(one.address).port) })).rejects.toMatchObject({
        code: 'EADDRINUSE',
      });
      // What other machines would reach it by.
      const { networkInterfaces } = await import('node:os');
      const outside = Object.values(networkInterfaces())
        .flat()
        .find((found) => found && !found.internal && found.family === 'IPv4');
      if (outside) {
        const elsewhere = one.address.replace('127.0.0.1', outside.address);
        await expect(fetch(elsewhere)).rejects.toThrow();
      }
    } finally {
      await Promise.all([one.close(), other.close()]);
    }
  });

  it('tells every page of changes as they happen, also of those that another request sees first', async () => {
    const folder = await runIn(join(base, 'told'), 1);
    const library = new Library([folder.path]);
    await library.scan();
    const server = await serve(library);
    try {
      const overview = async () => (await (await fetch(`${server.address}api/overview`)).json()) as Overview;
      const [{ id }] = (await overview()).sources;
      const pages = await Promise.all(
        ['one', 'two'].map(async () => {
          const { body } = await fetch(`${server.address}api/events`);
          return body!.pipeThrough(new TextDecoderStream()).getReader();
        }),
      );
      await appendFile(folder.file('metrics'), stepLine(2));
      await overview();
      for (const page of pages) {
        const { value } = await page.read();
        expect(value).toContain('event: changed');
        expect(value).toContain(id);
        await page.cancel();
      }
    } finally {
      await server.close();
    }
  });
});

it('the folder is only read', async () => {
  const folder = await runIn(join(base, 'untouched'));
  const before = await readFile(folder.file('metrics'));
  const { json, sources } = await opened(folder.path);
  for (const path of ['run', 'rollouts', 'readings']) await json(`${path}/${sources[0].id}`);
  expect(await readFile(folder.file('metrics'))).toEqual(before);
});
