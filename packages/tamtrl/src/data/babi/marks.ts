/**
 * The special tokens of the model `babi`, in the order of their ids, which trained models depend on. Its other tokens
 * are made by tools/make-babi-tokenizer.mjs.
 */
export const BABI_MARKS = {
  pad: '<pad>',
  eos: '<eos>',
  section: '<section>',
  question: '<question>',
  memory: '<memory>',
  update: '<update>',
  answer: '<answer>',
  /** The whole output of an update that changes nothing. */
  unchanged: '<same>',
} as const;

export const BABI_VOCABULARY_SIZE = 4096;
