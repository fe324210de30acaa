/**
 * A small comparison: one method that is trained, one that is not, and one without memory, on one generated benchmark.
 */
export const SMALL_COMPARISON = `
out: cmp
preset: mini-long
seeds: [1, 2]
baseline: untrained
train: { steps: 1, questionsPerStep: 2, groupSize: 2, evaluation: { every: 0, questions: 4 }, savedTrajectories: 0 }
methods:
  - { name: untrained }
  - { name: bm25, reader: bm25 }
  - { name: tamtrl, train: tamtrl }
benchmarks:
  - { name: 8 chunks, data: { kind: mini, chunks: 8, facts: 3 }, questions: 20, chunkTokens: 6 }
`;
