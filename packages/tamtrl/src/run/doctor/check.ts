/** What is looked at to tell whether training can work here. */
import { describe } from '../../base/described.js';

export interface Check {
  name: string;
  /** `warning`: works, but something will be slow or missing. */
  status: 'ok' | 'warning' | 'failed';
  /** What was found, and what to do about it. */
  message: string;
  /** The same for programs. */
  data: Record<string, string | number | null>;
}

/** A failure in one line. */
export const inOneLine = (error: unknown) => describe(error).split('\n', 1)[0];
