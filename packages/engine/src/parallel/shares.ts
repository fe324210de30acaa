/** How the work of a call is divided among threads. It depends on the call alone, so that results do. */
import type { GenerateRequest } from '../api.js';
import type { GenerateCall } from '../sampling/sequences.js';

/** Tokens below which another thread is not worth its messages. */
const LEAST_TOKENS = 512;

/** Number of threads, of `threads`, that a call of so many tokens is worth. */
export function sharesOf(tokens: number, threads: number): number {
  return Math.max(1, Math.min(threads, Math.floor(tokens / LEAST_TOKENS)));
}

/** Which of `costs` each of `shares` threads takes, in order: the largest first, each to the least busy thread. */
export function assign(costs: readonly number[], shares: number): number[][] {
  const lists: number[][] = Array.from({ length: shares }, () => []);
  const busy = new Array<number>(shares).fill(0);
  const order = costs.map((_, index) => index).sort((a, b) => costs[b] - costs[a] || a - b);
  for (const index of order) {
    const least = busy.indexOf(busy.reduce((a, b) => Math.min(a, b)));
    lists[least].push(index);
    busy[least] += costs[index];
  }
  return lists.map((list) => list.sort((a, b) => a - b));
}

/** Tokens that a request reads and writes, at most; `shared` are those that its neighbours may have read. */
interface RequestCost {
  own: number;
  shared: number;
  /** Whether the request before it shares the same tokens. */
  continues: boolean;
}

/**
 * Divides requests into consecutive lists for `threads` threads, or fewer if there is not enough to do. The ends of the
 * lists, the last of which is the number of requests.
 */
export function divideRequests(
  requests: readonly GenerateRequest[],
  { maxTokens, maxBatch = Number.POSITIVE_INFINITY }: Pick<GenerateCall, 'maxTokens' | 'maxBatch'>,
  threads: number,
): number[] {
  const costs = requests.map((request, index): RequestCost => {
    const { promptIds, draft = [], samples = 1, sharedTokens = 0, maxTokens: own = maxTokens } = request;
    return {
      own: promptIds.length - sharedTokens + draft.length + samples * own,
      shared: sharedTokens,
      continues: index > 0 && sharesBeginning(requests[index - 1], request),
    };
  });
  const tokens = costs.reduce((sum, { own, shared, continues }) => sum + own + (continues ? 0 : shared), 0);
  return cut(costs, 0, Math.min(sharesOf(tokens, threads), maxBatch));
}

function sharesBeginning(a: GenerateRequest, b: GenerateRequest): boolean {
  const { sharedTokens = 0 } = b;
  if (sharedTokens === 0 || a.sharedTokens !== sharedTokens) return false;
  for (let at = 0; at < sharedTokens; at++) if (a.promptIds[at] !== b.promptIds[at]) return false;
  return true;
}

/** Cuts where both sides take as equally long as they can, for each of their shares; then both sides likewise. */
function cut(costs: readonly RequestCost[], start: number, shares: number): number[] {
  const end = start + costs.length;
  if (shares < 2 || costs.length < 2) return [end];
  const first = Math.floor(shares / 2);
  const addTo = (sum: number, { own, shared, continues }: RequestCost, isFirst: boolean) =>
    sum + own + (continues && !isFirst ? 0 : shared);
  const total = costs.reduce((sum, cost, index) => addTo(sum, cost, index === 0), 0);
  let best = { at: 1, time: Number.POSITIVE_INFINITY };
  let left = 0;
  for (let at = 1; at < costs.length; at++) {
    left = addTo(left, costs[at - 1], at === 1);
    const right = total - left + (costs[at].continues ? costs[at].shared : 0);
    const time = Math.max(left / first, right / (shares - first));
    if (time < best.time) best = { at, time };
  }
  const { at } = best;
  return [...cut(costs.slice(0, at), start, first), ...cut(costs.slice(at), start + at, shares - first)];
}
