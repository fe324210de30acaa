/** Whether a reader can go on from a state. */
import { valueAt, valueText } from '../base/values.js';
import { ReaderError } from './errors.js';
import { type ReaderState, readerStateSchema } from './state.js';

/** @throws ReaderError `state` if it is damaged, or belongs to other questions. */
export function checkedState(given: ReaderState, questions: readonly string[]): ReaderState {
  const parsed = readerStateSchema.safeParse(given);
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues;
    const said = message.replace(/^Invalid input: /, '').replace(/, received .*$/, '');
    throw new ReaderError(
      'state',
      `The saved state is damaged: ${path.length > 0 ? `${path.join('.')}: ` : ''}${said}, found ${valueText(valueAt(given, path))}. Pass what \`reader.state()\` gave, or read again from the beginning.`,
    );
  }
  const saved = parsed.data.questions.map(({ question }) => question);
  if (saved.join('\n') === questions.join('\n')) return parsed.data;
  const list = saved.map((each) => JSON.stringify(each)).join(', ');
  throw new ReaderError(
    'state',
    `The saved state belongs to ${saved.length === 1 ? `the question ${list}` : `other questions: ${list}`}. A memory keeps what its own question needs; read the text again for a new question.`,
  );
}
