/** Known servers that speak the Tinker protocol. */
import type { TinkerPolicyOptions } from './policy.js';

/**
 * Settings that servers need but do not report; docs/scale.md says which of them were tested. The client detects the
 * dialect, the window and refused losses automatically.
 */
export const TINKER_SERVERS: Readonly<
  Record<string, Pick<TinkerPolicyOptions, 'scaling' | 'loss' | 'padTo' | 'resend'>>
> = {
  /** Averages over each row; compiles for each shape. */
  'skyrl-jax': { scaling: 'average', padTo: 256 },
  skyrl: {},
  /** Runs repeated calls again. */
  'open-rl': { resend: false },
  verl: {},
  tuft: {},
  /** Has no ppo. */
  twinkle: { loss: 'importance_sampling' },
};
