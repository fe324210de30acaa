/** What a preset is: settings under a name, as a configuration file would hold them. */
import type { RunConfigInput, SftConfigInput } from '../../train/config.js';

/** `data` may lack the files: which questions are read is the user's to say. */
type WithoutFiles<Input extends { data?: unknown }> = Omit<Input, 'data'> & {
  data?: Input['data'] | { kind: 'records' };
};

export interface Preset {
  readonly name: string;
  /** One line for lists. */
  readonly summary: string;
  /** Settings of reinforcement learning; absent: the preset has none. */
  readonly train?: WithoutFiles<RunConfigInput>;
  /** Settings of supervised warm-up; absent: the preset has none. */
  readonly sft?: WithoutFiles<SftConfigInput>;
  /** The model that the user must bring as a local folder or file, and why the preset cannot bring it. */
  readonly bringModel?: { readonly name: string; readonly why: string };
}
