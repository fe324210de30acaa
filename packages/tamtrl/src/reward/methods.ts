/** The reward methods that configurations can name. To add one, write a file for it and list it here. */
import { RewardError } from './errors.js';
import { grumem } from './grumem.js';
import { himpo } from './himpo.js';
import { igpo } from './igpo.js';
import { infomem } from './infomem.js';
import { information } from './information.js';
import { llmJudge } from './judge.js';
import { memagent } from './memagent.js';
import type { RewardMethod } from './method.js';
import { opsdl } from './opsdl.js';
import { prm } from './prm.js';
import { rememr1 } from './rememr1.js';
import { tamtrl } from './tamtrl.js';

const registered = [
  tamtrl, // The default.
  memagent,
  llmJudge,
  prm,
  information,
  infomem,
  igpo,
  rememr1,
  grumem,
  himpo,
  opsdl,
] as const;

export type RegisteredMethod = (typeof registered)[number];

export const rewardMethods: readonly RewardMethod[] = registered;

/** @throws RewardError `unknown-method` naming the methods there are. */
export function methodNamed(name: string): RewardMethod {
  const found = rewardMethods.find((method) => method.name === name);
  if (found) return found;
  const known = rewardMethods.map((method) => method.name).join(', ');
  throw new RewardError(
    'unknown-method',
    `There is no method "${name}"; expected one of: ${known}. Pass a method of your own to train() as an object.`,
  );
}

/**
 * The method that a program asks for: by its name, or as an object.
 * @throws RewardError `unknown-method`; `invalid-argument` if the object is not a method or has the name of another
 * one.
 */
export function chosenMethod(choice: string | RewardMethod): RewardMethod {
  if (typeof choice === 'string') return methodNamed(choice);
  const problems: string[] = [];
  if (typeof choice?.name !== 'string' || choice.name === '') problems.push('name (a string)');
  if (typeof choice?.requires !== 'object') problems.push('requires (an object, {} if it needs nothing)');
  if (typeof choice?.turnScores !== 'function') problems.push('turnScores (a function)');
  if (problems.length > 0) {
    throw new RewardError('invalid-argument', `A reward method needs ${problems.join(', ')}; the one given lacks it.`);
  }
  const namesake = rewardMethods.find(({ name }) => name === choice.name);
  if (namesake && namesake !== choice) {
    throw new RewardError(
      'invalid-argument',
      `tamtrl has a method "${choice.name}" already. Give your own another name, so that reports tell the two apart.`,
    );
  }
  return choice;
}
