/** The program within a test's own process, its two streams kept as texts. */
import { runProgram } from './program.js';

export interface Ended {
  code: number;
  out: string;
  err: string;
}

/** @param watch called with every text that goes to stderr, while the program still runs */
export async function runQuietly(args: readonly string[], watch?: (err: string) => void): Promise<Ended> {
  const said = { out: '', err: '' };
  const code = await runProgram(args, {
    interactive: false,
    columns: () => 80,
    out: (text) => {
      said.out += text;
    },
    err: (text) => {
      said.err += text;
      watch?.(text);
    },
  });
  return { code, ...said };
}
