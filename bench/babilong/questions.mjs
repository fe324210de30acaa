/** The documents of the benchmark: stories of files or of the simulator, hidden in books. */
const load = (path) => import(new URL(`../../packages/tamtrl/dist/${path}`, import.meta.url));

/** "16k" as 16,000, "1M" as 1,000,000. */
export function tokensOf(length) {
  const [, number, unit] = /^(\d+)(k|M)$/.exec(length) ?? [];
  if (number === undefined) throw new Error(`--lengths: "${length}" is no length such as 16k or 1M.`);
  return Number(number) * (unit === 'k' ? 1000 : 1_000_000);
}

/** An open model, and the questions that it is asked at each length. */
export async function questionsOf({
  model,
  tasks: names,
  stories: files,
  books: paths,
  tokenizer: counted,
  seed,
  precision,
}) {
  const { openModel } = await load('models/open.js');
  const { openTokenizer } = await load('models/tokenizer.js');
  const { Books, EMBEDDED_BOOKS } = await load('data/babi/books.js');
  const { readStories } = await load('data/babi/read.js');
  const { babilongRecord, babilongTasks, mostFacts, simulatedQuestion } = await load('data/generators/babilong.js');
  const policy = await openModel(model, { precision });
  const tokenizer = counted === undefined ? policy.tokenizer : (await openTokenizer(counted)).tokenizer;
  // Real books have people in gardens too; the file that is used says what it is.
  const books = await Books.open(paths ?? [EMBEDDED_BOOKS], { anyWords: true });
  const tasks = babilongTasks(names);
  const found = [];
  for (const file of files ?? []) for await (const story of readStories(file)) found.push(story);
  const missing = files && tasks.find((task) => !found.some((story) => story.task === task));
  if (missing) throw new Error(`--stories: none of ${files.join(', ')} has stories of ${missing}.`);

  const storiesOf = (task, tokens, each) =>
    files
      ? found.filter((story) => story.task === task && story.sentences.length <= mostFacts(tokens)).slice(0, each)
      : Array.from({ length: each }, (_, index) => simulatedQuestion(task, Number(seed), index, tokens));

  return {
    policy,
    close: () => policy.close(),
    at: async (length, each) => {
      const tokens = tokensOf(length);
      const settings = { tokens, tokenizer, books, seed: Number(seed), repeatBooks: true };
      const stories = tasks.flatMap((task) =>
        storiesOf(task, tokens, each).map((story, index) => ({
          index,
          task,
          make: () => babilongRecord({ ...story, task }, { ...settings, index }),
        })),
      );
      // A reading that is stopped has then as many of each task.
      return stories.sort((one, other) => one.index - other.index);
    },
  };
}
