/** Where the page gets its data: from the server that brought it, or from within itself. */
import { useEffect, useState } from 'preact/hooks';
import { type EmbeddedRun, filterRollouts, type RolloutFilter, type RolloutPage } from 'tamtrl/view';

const element = document.getElementById('embedded');
const embedded = element ? (JSON.parse(element.textContent ?? '') as EmbeddedRun) : undefined;

/** The page stands alone: it holds one run, and nothing changes. */
export const alone = embedded !== undefined;

async function ask(path: string): Promise<unknown> {
  if (embedded) return embeddedReply(embedded, path);
  let response: Response;
  try {
    response = await fetch(path);
  } catch {
    throw new Error('The server does not answer. Is "tamtrl view" still running?');
  }
  const reply = (await response.json()) as { error?: string };
  if (response.ok) return reply;
  throw new Error(reply.error ?? `The server replied with ${response.status}.`);
}

function embeddedReply(data: EmbeddedRun, path: string): unknown {
  const { pathname, searchParams } = new URL(path, 'http://page/');
  const [, , kind, , number] = pathname.split('/');
  if (kind === 'overview') return data.overview;
  if (kind === 'curves') return data.curves;
  if (kind === 'run') return data.details;
  if (kind === 'readings') return data.readings;
  if (kind === 'rollouts') return filtered(data.rollouts, searchParams);
  if (kind === 'group' && data.groups[Number(number)]) return data.groups[Number(number)];
  throw new Error('This is not in the file.');
}

function filtered({ entries, counts, problems }: RolloutPage, query: URLSearchParams): RolloutPage {
  const filter: RolloutFilter = {
    show: (query.get('show') ?? 'all') as RolloutFilter['show'],
    turn: Number(query.get('turn') ?? 0),
    text: query.get('text') ?? '',
    order: query.get('order') === 'oldest' ? 'oldest' : 'newest',
    from: Number(query.get('from') ?? 0),
  };
  return { ...filterRollouts(entries, filter), counts, problems };
}

export interface Loaded<T> {
  data?: T;
  error?: string;
}

type Listener = (ids: readonly string[]) => void;

const listeners = new Set<Listener>();
let connected = alone;
const connectionListeners = new Set<(connected: boolean) => void>();

if (!alone) {
  const events = new EventSource('api/events');
  events.addEventListener('changed', (event) => {
    const ids = JSON.parse(event.data) as string[];
    for (const listener of listeners) listener(ids);
  });
  const tell = (now: boolean) => {
    connected = now;
    for (const listener of connectionListeners) listener(now);
  };
  events.onopen = () => tell(true);
  events.onerror = () => tell(false);
}

/** Whether the server still tells of changes. */
export function useConnection(): boolean {
  const [now, setNow] = useState(connected);
  useEffect(() => {
    connectionListeners.add(setNow);
    return () => void connectionListeners.delete(setNow);
  }, []);
  return now;
}

/**
 * The reply to a request, asked again whenever one of the sources changes. Until the new one is there, the old one
 * stays.
 */
export function useData<T>(path: string | undefined, ids: readonly string[]): Loaded<T> {
  const [loaded, setLoaded] = useState<Loaded<T> & { path?: string }>({});
  const key = ids.join();
  useEffect(() => {
    if (path === undefined) return;
    let current = true;
    let asking = false;
    let again = false;
    const load = async () => {
      if (asking) {
        again = true;
        return;
      }
      asking = true;
      const next = await ask(path).then(
        (data): Loaded<T> => ({ data: data as T }),
        (error: Error): Loaded<T> => ({ error: error.message }),
      );
      asking = false;
      if (!current) return;
      setLoaded((before) => (next.error && before.path === path ? { ...before, ...next } : { ...next, path }));
      if (again) {
        again = false;
        void load();
      }
    };
    const wanted = new Set(key.split(','));
    const listener: Listener = (changed) => {
      if (changed.some((id) => wanted.has(id))) void load();
    };
    void load();
    listeners.add(listener);
    return () => {
      current = false;
      listeners.delete(listener);
    };
  }, [path, key]);
  return loaded.path === path || loaded.error ? loaded : {};
}
