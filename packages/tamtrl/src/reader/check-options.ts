/** Options of readings: who is asked what, and the rules of the rest. */
import type { Rules } from '../base/option-rules.js';
import { isPromise, valueText } from '../base/values.js';
import { ReaderError } from './errors.js';
import { checkRules } from './option-rules.js';

/**
 * @param called the function, for messages
 * @param rules of all options that it has; without `question`, it takes none
 * @throws ReaderError `input` that names the option, what is expected and what was found.
 */
export function checkOptions<Options>(given: unknown, called: string, rules: Rules<Options>): void {
  const problem = (what: string) => new ReaderError('input', `${called}: ${what}`);
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw problem(
      `the options are ${Array.isArray(given) ? 'a list' : kindOfValue(given)}, expected an object such as { model, question }.`,
    );
  const options: { [name: string]: unknown } = { ...given };
  const { question, model, state } = options;
  if ('question' in rules) {
    const unknown = 'questions' in options ? ' It has `questions`: `question` takes a list too.' : '';
    const isText = (value: unknown) => typeof value === 'string';
    if (!isText(question) && !(Array.isArray(question) && question.every(isText)))
      throw problem(`\`question\` is ${kindOfValue(question)}, expected a string or a list of strings.${unknown}`);
  }
  if (model === undefined || model === null)
    throw problem(
      'there is no `model`. Name one ("mini", a folder, a .gguf file, "openai:URL#MODEL") or pass a policy.',
    );
  if (typeof model !== 'string' && !isPolicy(model))
    throw problem(`\`model\` is ${kindOfValue(model)}, expected an address such as "mini", or an open policy.`);
  if (typeof model === 'string' && model.trim() === '')
    throw problem('`model` is empty, expected an address such as "mini", or an open policy.');
  if (typeof state === 'string')
    throw problem(
      `\`state\` is a string, expected what \`${'question' in rules ? 'reader' : 'conversation'}.state()\` gives: pass JSON.parse(text).`,
    );
  for (const [name, value] of Object.entries(options)) {
    if (/^on[A-Z]/.test(name) && name in rules && value !== undefined && typeof value !== 'function')
      throw problem(`\`${name}\` is ${kindOfValue(value)}, expected a function.`);
  }
  checkRules(options, called, rules);
}

/** The same where nothing opens a model that is only named. */
export function checkOpened<Options>(given: unknown, called: string, rules: Rules<Options>, instead: string): void {
  checkOptions(given, called, rules);
  const { model } = given as { model: unknown };
  if (typeof model !== 'string') return;
  throw new ReaderError(
    'input',
    `${called}: \`model\` is ${valueText(model)}, expected an open policy. Pass \`await openModel(…)\`, or use ${instead}, which opens a model by its address.`,
  );
}

const isPolicy = (model: unknown) =>
  typeof model === 'object' && model !== null && ['tokenizer', 'chat', 'sample'].every((name) => name in model);

/** @throws ReaderError `input` if there is no document. */
export function checkDocument({ document }: { document?: unknown }, called: string): void {
  if (document !== undefined && document !== null) return;
  throw new ReaderError(
    'input',
    `${called}: there is no \`document\`. Pass its text, bytes, a Blob, a URL, a stream, or { file: "notes.pdf" }.`,
  );
}

function kindOfValue(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (isPromise(value)) return valueText(value);
  return Array.isArray(value) ? 'a list with other things' : `a value of type ${typeof value}`;
}
