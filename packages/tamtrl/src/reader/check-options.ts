/** Programs in JavaScript have no types to tell them what is missing or of another kind. */
import { ReaderError } from './errors.js';

/** @throws ReaderError `input` that names the option, what is expected and what was found. */
export function checkOptions(given: unknown, called: string): void {
  const problem = (what: string) => new ReaderError('input', `${called}: ${what}`);
  if (typeof given !== 'object' || given === null)
    throw problem(`the options are ${kindOfValue(given)}, expected an object such as { model, question }.`);
  const options: { [name: string]: unknown } = { ...given };
  const { question, model, temperature, state } = options;
  const unknown = 'questions' in options ? ' It has `questions`: `question` takes a list too.' : '';
  const isText = (value: unknown) => typeof value === 'string';
  if (!isText(question) && !(Array.isArray(question) && question.every(isText)))
    throw problem(`\`question\` is ${kindOfValue(question)}, expected a string or a list of strings.${unknown}`);
  if (model === undefined || model === null)
    throw problem(
      'there is no `model`. Name one ("mini", a folder, a .gguf file, "openai:URL#MODEL") or pass a policy.',
    );
  const isPolicy = typeof model === 'object' && ['tokenizer', 'chat', 'sample'].every((name) => name in model);
  if (!isText(model) && !isPolicy)
    throw problem(`\`model\` is ${kindOfValue(model)}, expected an address such as "mini", or an open policy.`);
  if (temperature !== undefined && !(Number.isFinite(temperature) && Number(temperature) >= 0))
    throw problem(`\`temperature\` is ${JSON.stringify(temperature)}, expected a number of at least 0.`);
  if (typeof state === 'string')
    throw problem('`state` is a string, expected what `reader.state()` gives: pass JSON.parse(text).');
  for (const name of ['onEvent', 'onNote', 'onEstimate', 'onDownload']) {
    const value = options[name];
    if (value !== undefined && typeof value !== 'function')
      throw problem(`\`${name}\` is ${kindOfValue(value)}, expected a function.`);
  }
}

/** @throws ReaderError `input` if there is no document. */
export function checkDocument({ document }: { document?: unknown }): void {
  if (document !== undefined && document !== null) return;
  throw new ReaderError(
    'input',
    'readDocument: there is no `document`. Pass its text, bytes, a Blob, a URL, a stream, or { file: "notes.pdf" }.',
  );
}

function kindOfValue(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list with other things' : `a value of type ${typeof value}`;
}
