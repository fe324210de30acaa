/**
 * MemAgent's training parquet and its evaluation JSON (BytedTsinghua-SIA/MemAgent): a context of "Document i:" parts.
 * Neither says which documents are relevant. The original HotpotQA does, and is joined by the question.
 */
import { taskOf } from '../metrics.js';
import type { QuestionRecord } from '../records.js';
import { answersOf, type Importer, identifier, isObject, text, withKnownRelevance } from './importer.js';

const DOCUMENT = /^Document \d+:[ \t]*\n?/m;

/**
 * MemAgent's files of RULER's tasks have the layout of its question answering, and only the source distinguishes them:
 * "ruler/niah_multivalue" requires all answers, "ruler/qa_1" any.
 */
function scoringOf(source: string): Pick<QuestionRecord, 'answersWanted' | 'metric'> {
  if (!source.startsWith('ruler/')) return { metric: 'sub_exact_match' };
  if (taskOf({ source })?.startsWith('qa')) return { metric: 'string_match_part' };
  return { answersWanted: 'all', metric: 'string_match_all' };
}

export const memagent: Importer = {
  name: 'memagent',
  summary: "MemAgent's training Parquet or evaluation JSON; --rejoin adds relevance from the original HotpotQA",
  recognises: (row) =>
    typeof row.context === 'string' &&
    ('reward_model' in row || (typeof row.input === 'string' && !('all_classes' in row))),
  convert(row, { source, evidence }) {
    const extra = isObject(row.extra_info) ? row.extra_info : {};
    const question = text(extra.question) || text(row.input) || text(row.question);
    if (question === '') return [{ problem: 'has no question under extra_info.question or input' }];
    const reward = isObject(row.reward_model) ? row.reward_model : {};
    const answers = answersOf(reward.ground_truth, row.answers, row.outputs);
    if (answers.length === 0) return [{ problem: 'has no answers under reward_model.ground_truth or answers' }];
    const parts = text(row.context)
      .split(DOCUMENT)
      .map((part) => part.trim())
      .filter((part) => part !== '');
    if (parts.length === 0) return [{ problem: 'has no context' }];
    const relevant = evidence?.relevanceOf(question);
    const documents = parts.map((part) => {
      const [first, ...rest] = part.split('\n');
      const titled = rest.length > 0 && first.length <= 200;
      return {
        ...(titled ? { title: first } : {}),
        text: titled ? rest.join('\n').trim() : part,
        ...(relevant ? { relevant: relevant(part) } : {}),
      };
    });
    const index = identifier(extra.index ?? row.index ?? row.id);
    return [
      {
        id: index === '' ? question : index,
        source,
        question,
        answers,
        ...scoringOf(source),
        documents: withKnownRelevance(documents),
      },
    ];
  },
};
