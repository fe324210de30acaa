// Which parts of the code an input reaches, as V8 counts them. Inputs that reach new parts are worth changing further.
import { Session } from 'node:inspector/promises';

/** Starts counting. Gives a function that runs `work` and tells whether it reached anything for the first time. */
export async function coverage() {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true });
  const seen = new Set();
  const reached = async () => {
    const { result } = await session.post('Profiler.takePreciseCoverage');
    return result.filter(({ url }) => url.startsWith('file:') && !url.includes('/fuzz-'));
  };
  return async (work) => {
    // Taking the counts sets them back.
    await reached();
    await work();
    const before = seen.size;
    for (const { url, functions } of await reached()) {
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          if (count > 0) seen.add(`${url} ${startOffset} ${endOffset}`);
        }
      }
    }
    return seen.size > before;
  };
}
