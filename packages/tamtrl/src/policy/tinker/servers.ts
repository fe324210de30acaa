/** Known servers that speak the Tinker protocol. */
import type { TinkerPolicyOptions } from './policy.js';

/**
 * What servers need and do not say themselves; docs/scale.md says where each was run. The dialect, the window and
 * refused losses show by themselves.
 */
export const TINKER_SERVERS: Readonly<
  Record<string, Pick<TinkerPolicyOptions, 'scaling' | 'loss' | 'padTo' | 'resend'>>
> = {
  /** Averages over each row; compiles for each shape. */
  'skyrl-jax': { scaling: 'average', padTo: 256 },
  skyrl: {},
  /** Does again what comes twice. */
  'open-rl': { resend: false },
  verl: {},
  tuft: {},
  /** Has no ppo. */
  twinkle: { loss: 'importance_sampling' },
};
