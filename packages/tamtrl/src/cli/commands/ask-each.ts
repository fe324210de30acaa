/** `tamtrl ask --each`: a reading for each document, side by side. */
import { count, counted, duration } from '../../base/format.js';
import { moneyText, type Prices } from '../../policy/prices.js';
import type { DocumentPlace } from '../../reader/files/document-place.js';
import { pieceText } from '../../reader/provenance.js';
import { type DocumentOutcome, type ReadDocumentsOptions, readDocuments } from '../../reader/read-documents.js';
import { answerText, jsonDocuments, tokensOf } from '../../reader/told.js';
import { EXIT } from '../terminal/errors.js';
import type { Io } from '../terminal/io.js';

interface Each extends Omit<ReadDocumentsOptions, 'onNote' | 'prices'> {
  places: readonly DocumentPlace[];
  prices: Prices | undefined;
  json: boolean;
  quiet: boolean;
}

/** Fails if a document could not be read, or got no answer. */
export async function askEach({ places, prices, json, quiet, ...options }: Each, io: Io): Promise<number> {
  const names = places.map(({ path, title }) => title ?? path);
  const started = performance.now();
  let done = 0;
  const onDocument = ({ error }: DocumentOutcome, at: number) => {
    done++;
    if (error) io.err(`tamtrl: ${error.message.includes(names[at]) ? '' : `${names[at]}: `}${error.message}\n`);
    else if (!quiet) io.err(`${names[at]} is read (${done} of ${names.length})\n`);
  };
  const outcomes = await readDocuments({ ...options, onDocument });
  if (json) io.out(`${JSON.stringify(jsonDocuments(names, outcomes, prices))}\n`);
  else for (const [at, outcome] of outcomes.entries()) tell(names[at], outcome, io);
  const tokens = tokensOf(outcomes);
  const money = prices ? `, ${moneyText(prices.of(tokens))}` : '';
  io.err(
    `${counted(names.length, 'document')}, ${count(tokens.prompt)} tokens read, ${count(tokens.output)} written, ${duration((performance.now() - started) / 1000)}${money}\n`,
  );
  const isWhole = outcomes.every(({ reading }) => reading?.answers.every(({ answer }) => answer !== ''));
  return isWhole ? EXIT.success : EXIT.failure;
}

function tell(name: string, { reading }: DocumentOutcome, io: Io): void {
  for (const answer of reading?.answers ?? []) {
    io.out(`${name}: ${reading?.answers.length === 1 ? '' : `${answer.question} `}${answerText(answer)}`);
    io.err(`${name}\n${answer.provenance.map((piece) => `  ${pieceText(piece)}\n`).join('')}`);
  }
}
