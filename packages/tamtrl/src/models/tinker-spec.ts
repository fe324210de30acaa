/** Names of models at Tinker servers, and what is known of the servers that there are. */
import { PolicyError } from '../policy/errors.js';
import type { TinkerPolicyOptions } from '../policy/tinker/policy.js';
import { TINKER_SERVERS } from '../policy/tinker/servers.js';

export type TinkerSpec = Pick<
  TinkerPolicyOptions,
  'baseUrl' | 'model' | 'rank' | 'scaling' | 'loss' | 'padTo' | 'resend'
>;

const SETTINGS = ['rank', 'scaling', 'loss', 'pad', 'server'];
const SCALINGS = ['sum', 'average'] as const;
const LOSSES = ['ppo', 'importance_sampling', 'cispo'] as const;

/**
 * "tinker:http://127.0.0.1:8123?rank=8&scaling=average#Qwen/Qwen3-0.6B". `server=NAME` stands for what that server needs.
 * @throws PolicyError `invalid-argument` for what is not of this form.
 */
export function parseTinkerSpec(spec: string): TinkerSpec {
  const wrong = (what: string) =>
    new PolicyError(
      'invalid-argument',
      `"${spec}": ${what}; expected tinker:http://HOST:PORT#MODEL, with settings such as ?rank=32&scaling=average before the #.`,
    );
  const [, baseUrl, query = '', model] = /^tinker:([^?#]+)(?:\?([^#]*))?#(.+)$/.exec(spec) ?? [];
  if (baseUrl === undefined) throw wrong('names no address and model');
  const settings = new URLSearchParams(query);
  const unknown = [...settings.keys()].find((key) => !SETTINGS.includes(key));
  if (unknown !== undefined) throw wrong(`there is no setting "${unknown}" (there are ${SETTINGS.join(', ')})`);
  const choice = <T extends string>(name: string, known: readonly T[]): T | undefined => {
    const text = settings.get(name);
    if (text === null) return undefined;
    const found = known.find((each) => each === text);
    if (found === undefined) throw wrong(`${name} is "${text}", not one of ${known.join(', ')}`);
    return found;
  };
  const number = (name: string, least: number): number | undefined => {
    const text = settings.get(name);
    if (text === null) return undefined;
    if (!/^\d+$/.test(text) || Number(text) < least) throw wrong(`${name} is "${text}", not a number from ${least}`);
    return Number(text);
  };
  const server = choice('server', Object.keys(TINKER_SERVERS));
  const known = server === undefined ? {} : TINKER_SERVERS[server];
  return {
    ...{ baseUrl, model, rank: number('rank', 0) },
    scaling: choice('scaling', SCALINGS) ?? known.scaling ?? 'sum',
    loss: choice('loss', LOSSES) ?? known.loss,
    padTo: number('pad', 1) ?? known.padTo ?? 1,
    ...(known.resend === undefined ? {} : { resend: known.resend }),
  };
}
