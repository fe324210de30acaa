/** HotpotQA, 2WikiMultihopQA (the same layout) and MuSiQue. */
import type { Row } from '../files/rows.js';
import type { QuestionRecord } from '../records.js';
import { answersOf, type Importer, identifier, isObject, text, texts, withKnownRelevance } from './importer.js';

interface Paragraph {
  title: string;
  sentences: string[];
}

/** The original files have [[title, [sentence, …]], …]. Parquet copies have columns, or the array as JSON text. */
function paragraphsOf(context: unknown): Paragraph[] | undefined {
  if (typeof context === 'string') {
    try {
      return paragraphsOf(JSON.parse(context));
    } catch {
      return undefined;
    }
  }
  if (Array.isArray(context)) {
    const pairs = context.map((pair) => {
      if (Array.isArray(pair)) return { title: text(pair[0]), sentences: texts(pair[1]) };
      return isObject(pair) ? { title: text(pair.title), sentences: texts(pair.sentences ?? pair.content) } : undefined;
    });
    return pairs.every((pair) => pair !== undefined) ? pairs : undefined;
  }
  if (!isObject(context)) return undefined;
  const titles = texts(context.title);
  const sentences = context.sentences ?? context.content;
  if (!Array.isArray(sentences)) return undefined;
  return titles.map((title, at) => ({ title, sentences: texts(sentences[at]) }));
}

/** Numbers of the supporting sentences by title, from [[title, number], …] or from columns. */
function supportingSentences(facts: unknown): Map<string, number[]> {
  if (typeof facts === 'string') {
    try {
      return supportingSentences(JSON.parse(facts));
    } catch {
      return new Map();
    }
  }
  const titles: unknown[] = [];
  const numbers: unknown[] = [];
  if (Array.isArray(facts)) {
    for (const fact of facts) {
      const [title, number] = Array.isArray(fact) ? fact : [fact?.title, fact?.sent_id];
      titles.push(title);
      numbers.push(number);
    }
  } else if (isObject(facts) && Array.isArray(facts.title) && Array.isArray(facts.sent_id)) {
    titles.push(...facts.title);
    numbers.push(...facts.sent_id);
  }
  const found = new Map<string, number[]>();
  for (const [at, title] of titles.entries()) {
    found.set(text(title), [...(found.get(text(title)) ?? []), Number(numbers[at])]);
  }
  return found;
}

/** Where each sentence lies in the joined text; undefined for one that is blank. */
function sentencePlaces(sentences: readonly string[]): ({ start: number; end: number } | undefined)[] {
  let end = -1;
  return sentences.map((sentence) => {
    const { length } = sentence.trim();
    if (length === 0) return undefined;
    const start = end + 1;
    end = start + length;
    return { start, end };
  });
}

/**
 * The supporting sentences as spans of the documents. A few rows of HotpotQA number a sentence that their paragraph
 * does not have: there, the whole paragraph is marked.
 */
function evidenceOf(paragraphs: readonly Paragraph[], facts: unknown): NonNullable<QuestionRecord['evidence']> {
  const supporting = supportingSentences(facts);
  return paragraphs.flatMap(({ title, sentences }, document) => {
    const places = sentencePlaces(sentences);
    const all = { document, start: 0, end: joined(sentences).length };
    return (supporting.get(title) ?? []).map((number) => {
      const place = places[number];
      return place ? { document, ...place } : all;
    });
  });
}

function supportingTitles(facts: unknown): Set<string> | undefined {
  if (typeof facts === 'string') {
    try {
      return supportingTitles(JSON.parse(facts));
    } catch {
      return undefined;
    }
  }
  if (Array.isArray(facts))
    return new Set(facts.map((fact) => (Array.isArray(fact) ? text(fact[0]) : text((fact as Row)?.title))));
  return isObject(facts) ? new Set(texts(facts.title)) : undefined;
}

/** Sentences of HotpotQA begin with their own space; 2Wiki's do not. */
function joined(sentences: readonly string[]): string {
  return sentences
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== '')
    .join(' ');
}

function multiHop(name: string, summary: string, recognises: (row: Row) => boolean): Importer {
  return {
    name,
    summary,
    recognises,
    hasSentences: true,
    convert(row, { source, sentences: marksSentences }) {
      const id = identifier(row._id ?? row.id);
      const paragraphs = paragraphsOf(row.context)?.filter(({ sentences }) => joined(sentences) !== '');
      if (!paragraphs || paragraphs.length === 0) return [{ problem: 'has no paragraphs under "context"' }];
      const answers = answersOf(row.answer, row.answer_aliases);
      if (answers.length === 0) return [{ problem: 'has no answer (a hidden test set?)' }];
      const supporting = supportingTitles(row.supporting_facts);
      const documents = paragraphs.map(({ title, sentences }) => {
        const marked = supporting && supporting.size > 0 ? { relevant: supporting.has(title) } : {};
        return { title, text: joined(sentences), ...marked };
      });
      // In the full-wiki setting the paragraphs were retrieved, and the supporting ones need not be among them.
      const known = withKnownRelevance(documents);
      return [
        {
          id,
          source,
          question: text(row.question),
          answers,
          metric: 'hotpotqa_f1',
          documents: known,
          ...(marksSentences &&
            known.some(({ relevant }) => relevant) && {
              evidence: evidenceOf(paragraphs, row.supporting_facts),
            }),
        },
      ];
    },
  };
}

const hasHops = (row: Row) => 'supporting_facts' in row && 'context' in row && 'question' in row;

export const hotpotqa = multiHop(
  'hotpotqa',
  'HotpotQA, the original JSON or its Parquet copy',
  (row) => hasHops(row) && !('evidences' in row),
);

export const twoWiki = multiHop(
  '2wikimultihopqa',
  '2WikiMultihopQA, the original JSON or a Parquet copy',
  (row) => hasHops(row) && 'evidences' in row,
);

export const musique: Importer = {
  name: 'musique',
  summary: 'MuSiQue, JSON Lines; unanswerable questions are left out',
  recognises: (row) => Array.isArray(row.paragraphs) && 'question' in row && !('qas' in row),
  convert(row, { source }) {
    const id = identifier(row.id);
    if (row.answerable === false) return [{ problem: 'is marked unanswerable' }];
    const answers = answersOf(row.answer, row.answer_aliases);
    if (answers.length === 0) return [{ problem: 'has no answer (a hidden test set?)' }];
    const paragraphs = (row.paragraphs as unknown[]).filter(isObject);
    const documents = paragraphs.map((paragraph) => ({
      title: text(paragraph.title),
      text: text(paragraph.paragraph_text),
      ...(typeof paragraph.is_supporting === 'boolean' ? { relevant: paragraph.is_supporting } : {}),
    }));
    if (documents.length === 0) return [{ problem: 'has no paragraphs' }];
    return [
      { id, source, question: text(row.question), answers, metric: 'f1', documents: withKnownRelevance(documents) },
    ];
  },
};
