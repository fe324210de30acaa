/** Recognises control tokens in a text, and breaks them up for servers whose tokenizer would recognise them too. */

/** Shapes of the control tokens of common chat templates. */
const SHAPES = [
  // ChatML, Llama 3, Phi, GLM, gpt-oss, Granite; Gemma 4 has <|turn> and <turn|>.
  '<\\|[^\\s<>\u200b]{1,64}>',
  '<[^\\s<>|\u200b]{1,64}\\|>',
  // DeepSeek.
  '<｜[^\\s<>\u200b]{1,64}｜>',
  // EXAONE.
  '\\[\\|[^\\s[\\]\u200b]{1,64}\\|\\]',
  '<(?:start|end)_of_(?:turn|image|audio)>',
  '</?(?:s|bos|eos|pad|unk|mask|tool_call|tool_calls|tool_response|tool_result|tools)>',
  '</?seed:[a-z_:]{1,64}>',
  '<(?:SPECIAL_|extra_id_|reserved_|unused)\\d{1,5}>',
  '<</?SYS>>',
  '\\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|MODEL_SETTINGS|ARGS|CALL_ID)\\]',
].join('|');
const WHOLE = new RegExp(`^(?:${SHAPES}|</?think>|\\[/?THINK\\])$`, 'u');

/** Whether an added token has the shape of a control token, or opens or ends a thought. */
export function looksLikeControl(token: string): boolean {
  return WHOLE.test(token);
}

/**
 * Whether a text is only control tokens and white space. Each is matched separately: a text may have
 * millions.
 */
export function isOnlyControls(text: string): boolean {
  const next = new RegExp(`\\s*(?:${SHAPES})`, 'uy');
  let end = 0;
  while (next.test(text)) end = next.lastIndex;
  return end > 0 && text.slice(end).trim() === '';
}

/** A zero-width space. Inside a control token's text, it keeps a server's tokenizer from recognising the token. */
export const BREAK = '\u200b';

/** Offsets in `text` that need a break so that nothing in the text looks like a control token. */
export function* breaksIn(text: string): Generator<number> {
  const shape = new RegExp(SHAPES, 'gu');
  for (let match = shape.exec(text); match; match = shape.exec(text)) {
    // The break goes after the first character, and the search continues there, because one token may contain another.
    shape.lastIndex = match.index + 1;
    yield match.index + 1;
  }
}

/** The text with every control token broken up. */
export function broken(text: string): string {
  let result = '';
  let from = 0;
  for (const at of breaksIn(text)) {
    result += text.slice(from, at) + BREAK;
    from = at;
  }
  return result + text.slice(from);
}

/** Removes the breaks from text that a model has copied from a broken-up text. */
export function mended(text: string): string {
  const shape = new RegExp(`^(?:${SHAPES})`, 'u');
  return text.replaceAll(new RegExp(`(?<=[<[])${BREAK}`, 'g'), (mark, at: number) =>
    // A token within another one has its own break.
    shape.test(text[at - 1] + text.slice(at + 1, at + 200).replaceAll(BREAK, '')) ? '' : mark,
  );
}
