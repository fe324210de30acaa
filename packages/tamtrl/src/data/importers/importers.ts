/** Importers by name, and a function that reads a whole file with one of them. */
import { DataError } from '../errors.js';
import { readRows } from '../files/rows.js';
import { isUnspaced, type Metric } from '../metrics.js';
import { type QuestionRecord, recordSchema } from '../records.js';
import { babi, babilong } from './babi.js';
import { EvidenceIndex, type Importer } from './importer.js';
import { memagent } from './memagent.js';
import { hotpotqa, musique, twoWiki } from './multi-hop.js';
import { longbench, narrativeqa, squad } from './reading.js';

export const importers: readonly Importer[] = [
  hotpotqa,
  twoWiki,
  musique,
  squad,
  narrativeqa,
  longbench,
  babilong,
  memagent,
  babi,
];

export function findImporter(name: string): Importer | undefined {
  return importers.find((importer) => importer.name === name);
}

export interface ImportProblem {
  /** "line 3", "row 17", "element 5". */
  place: string;
  message: string;
}

export interface ImportOptions {
  /** Default: recognised from the first row. */
  importer?: Importer;
  /** Default: the importer's name. */
  source?: string;
  evidence?: EvidenceIndex;
  /** Mark supporting sentences, where the data set names them, not only their paragraphs. */
  sentences?: boolean;
  /** Throw at the first problem instead of skipping the row. */
  strict?: boolean;
  onProblem?: (problem: ImportProblem) => void;
}

/**
 * Records of a published data set's file.
 * @throws DataError `file` if it cannot be read, if no importer recognises its rows, or if they name no sentences and
 *   `sentences` asks for them; `record` with the place if `strict`.
 */
export async function* importRecords(path: string, options: ImportOptions = {}): AsyncGenerator<QuestionRecord> {
  let { importer } = options;
  const seen = new Map<string, string>();
  const problem = (place: string, message: string) => {
    if (options.strict) throw new DataError('record', `${path}, ${place}: ${message}.`);
    options.onProblem?.({ place, message });
  };
  importer ??= await ofLayout(path);
  for await (const placed of (importer?.rows ?? readRows)(path)) {
    const { place } = placed;
    if ('problem' in placed) {
      problem(place, placed.problem);
      continue;
    }
    importer ??= recognise(placed.row, path);
    const source = options.source ?? importer.name;
    const { evidence, sentences } = options;
    if (sentences && !importer.hasSentences) throw withoutSentences(path, importer);
    for (const converted of importer.convert(placed.row, { source, file: path, place, evidence, sentences })) {
      if ('problem' in converted) {
        problem(place, converted.problem);
        continue;
      }
      const checked = recordSchema.safeParse(scoredByCharacters(converted));
      if (!checked.success) {
        const [{ path: where, message }] = checked.error.issues;
        problem(place, `gives no record: ${where.join('.')}: ${message}`);
        continue;
      }
      const first = seen.get(checked.data.id);
      if (first !== undefined) problem(place, `id ${JSON.stringify(checked.data.id)} came in ${first} already`);
      else if (checked.data.question.trim() === '') problem(place, 'has no question');
      else {
        seen.set(checked.data.id, place);
        yield checked.data;
      }
    }
  }
}

function withoutSentences(path: string, { name }: Importer): DataError {
  const able = importers.filter(({ hasSentences }) => hasSentences).map((importer) => importer.name);
  return new DataError(
    'file',
    `${path}: ${name} does not say which sentences support an answer; ${able.join(' and ')} do. Import it without sentences.`,
  );
}

/** Metrics over words, which are all or nothing if no spaces separate the words. */
const OVER_WORDS: ReadonlySet<Metric | undefined> = new Set<Metric | undefined>([
  undefined,
  'exact_match',
  'f1',
  'hotpotqa_f1',
  'sub_exact_match',
  'rouge_l',
  'longbench_qa_f1',
]);

/** Answers in Chinese, Japanese, Thai and their like are scored by characters instead of words. */
function scoredByCharacters(record: QuestionRecord): QuestionRecord {
  return OVER_WORDS.has(record.metric) && record.answers.some(isUnspaced) ? { ...record, metric: 'char_f1' } : record;
}

/** The importer whose own file layout this is; undefined for Parquet and JSON. */
async function ofLayout(path: string): Promise<Importer | undefined> {
  for (const importer of importers) if (await importer.isFile?.(path)) return importer;
  return undefined;
}

function recognise(row: Record<string, unknown>, path: string): Importer {
  const found = importers.find((importer) => importer.recognises(row));
  if (found) return found;
  const names = importers.map(({ name }) => name).join(', ');
  throw new DataError(
    'file',
    `${path}: its first row has the keys ${Object.keys(row).slice(0, 12).join(', ')}, which match none of the known data sets (${names}). Name its format.`,
  );
}

/** The relevant paragraphs for each question of an original HotpotQA file. */
export async function readEvidence(path: string): Promise<EvidenceIndex> {
  const index = new EvidenceIndex();
  for await (const record of importRecords(path, { importer: hotpotqa })) index.add(record);
  return index;
}
