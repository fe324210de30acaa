/** HotpotQA, 2WikiMultihopQA (the same layout) and MuSiQue. */
import type { Row } from '../files/rows.js';
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
    convert(row, { source }) {
      const id = identifier(row._id ?? row.id);
      const paragraphs = paragraphsOf(row.context);
      if (!paragraphs || paragraphs.length === 0) return [{ problem: 'has no paragraphs under "context"' }];
      const answers = answersOf(row.answer, row.answer_aliases);
      if (answers.length === 0) return [{ problem: 'has no answer (a hidden test set?)' }];
      const supporting = supportingTitles(row.supporting_facts);
      const documents = paragraphs.map(({ title, sentences }) => {
        const marked = supporting && supporting.size > 0 ? { relevant: supporting.has(title) } : {};
        return { title, text: joined(sentences), ...marked };
      });
      return [
        {
          id,
          source,
          question: text(row.question),
          answers,
          metric: 'hotpotqa_f1',
          // In the full-wiki setting the paragraphs were retrieved, and the supporting ones need not be among them.
          documents: withKnownRelevance(documents.filter((document) => document.text !== '')),
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
