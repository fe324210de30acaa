/**
 * The words of the mini task. A word's position decides its id, so changing a list makes trained mini models useless.
 */

/** Marks of the mini prompts: `<question> … <memory> … <section> … <update>` and `<question> … <memory> … <answer>`. */
export const MINI_MARKERS = {
  question: '<question>',
  memory: '<memory>',
  section: '<section>',
  update: '<update>',
  answer: '<answer>',
} as const;

export const MINI_PAD = '<pad>';
export const MINI_EOS = '<eos>';
export const MINI_UNKNOWN = '<unk>';

/** Stands for a value that is not known yet. */
export const MINI_OPEN = '?';
/** Stands between a key and the key it points to. */
export const MINI_LINK = '>';
/** Stands before a fact that is kept because a link to it may come. */
export const MINI_KEPT = ';';

/** Keys of facts. */
export const MINI_NAMES =
  'adam alan alma amy anna ben bill bob carl cora dan dora ella emma eric eva finn fred gina greta hans hugo ida igor ines ivan jack jane jill joe john karl kate kurt lara lena leo lily lisa lucy luke mara mark max mia mona nina noah'.split(
    ' ',
  );

/** Keys in the middle of a chain: a fact about one of them shows that a link to it may follow. */
export const MINI_BRIDGES = 'nora olaf olga otto paul pia rita rosa sam sara sofia tara theo tom ursula vera'.split(
  ' ',
);

/** Values of facts. */
export const MINI_CITIES =
  'accra athens baku bari basel berlin bern bonn boston brno cairo cork dakar dallas delhi derby dubai essen geneva genoa ghent graz hanoi havana izmir jena kiel kiev kyoto lagos leeds lima linz lisbon london lyon madrid malmo manila miami milan minsk mumbai nantes nice osaka oslo palma paris perth pisa porto prague quito riga rome seoul siena split tokyo tunis turin vienna zurich'.split(
    ' ',
  );

const PUNCTUATION = [MINI_OPEN, MINI_LINK, MINI_KEPT, '.', ',', ':', '=', '+', '-', '(', ')', '!', "'"];

export const MINI_SPECIAL_TOKENS: readonly string[] = [
  MINI_PAD,
  MINI_EOS,
  MINI_UNKNOWN,
  ...Object.values(MINI_MARKERS),
];

/** All tokens; a token's id is its index. */
export const MINI_VOCABULARY: readonly string[] = [
  ...MINI_SPECIAL_TOKENS,
  ...PUNCTUATION,
  ...'0123456789',
  ...'abcdefghijklmnopqrstuvwxyz',
  ...MINI_NAMES,
  ...MINI_BRIDGES,
  ...MINI_CITIES,
];
