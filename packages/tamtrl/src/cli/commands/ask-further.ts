/** Questions after the answer: those that `--follow-up` names, and those that are typed. */
import { createInterface } from 'node:readline/promises';
import type { Prices } from '../../policy/prices.js';
import type { Conversation, FollowUpAnswer, Reread } from '../../reader/conversation.js';
import type { MemoryEvent } from '../../reader/reader.js';
import { answerText, followUpText } from '../../reader/told.js';
import type { Io } from '../terminal/io.js';

export interface FurtherFlags {
  followUp?: string[];
  chat?: boolean;
  reread?: Reread;
}

interface Further extends FurtherFlags {
  json: boolean;
  signal: AbortSignal;
  prices: Prices | undefined;
  onEvent(event: MemoryEvent): void;
  /** Called after every answer. */
  save(): Promise<void>;
}

/** @returns all answers */
export async function askFurther(talk: Conversation, options: Further, io: Io): Promise<FollowUpAnswer[]> {
  const { followUp = [], chat, reread = 'never', json, prices, onEvent, save } = options;
  const answers: FollowUpAnswer[] = [];
  const ask = async (question: string, when: Reread) => {
    const answer = await talk.ask(question, { reread: when, onEvent });
    await save();
    return answer;
  };
  const tell = (answer: FollowUpAnswer) => {
    answers.push(answer);
    if (json) return;
    io.out(answer.missing ? '(not in the notes)\n' : answerText(answer));
    io.err(followUpText(answer, prices));
  };
  for (const question of followUp) {
    if (!json) io.out(`${question}\n`);
    tell(await ask(question, reread));
  }
  if (!chat) return answers;
  const isTerminal = process.stdin.isTTY === true;
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: isTerminal, prompt: '> ' });
  lines.on('SIGINT', () => lines.close());
  options.signal.addEventListener('abort', () => lines.close(), { once: true });
  if (isTerminal) io.err('Further questions, one a line; an empty line ends.\n');
  const prompt = () => isTerminal && lines.prompt();
  prompt();
  for await (const line of lines) {
    const question = line.trim();
    if (question === '') break;
    let answer = await ask(question, reread);
    if (answer.missing && isTerminal) {
      const said = await lines.question('Not in the notes. Read the text again for this question? [y/N] ');
      if (/^y/i.test(said)) answer = await ask(question, 'always');
    }
    tell(answer);
    prompt();
  }
  lines.close();
  options.signal.throwIfAborted();
  return answers;
}
