/** Texts of documents and models, which are shown as they are and never run. */
import { diffWordsWithSpace } from 'diff';
import type { TextPart } from 'tamtrl/view';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/g;

/** Control characters as pictures or numbers: they must neither hide text nor turn it around. */
export function visible(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(CONTROLS, (character) => {
    const code = character.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    return code === 0x7f ? '\u2421' : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** Characters beyond which two texts are not compared: it would take seconds. */
const LONGEST = 60_000;

/** A memory against the one before it. */
export function Diff({ before, after }: { before: string; after: string }) {
  if (after === '' && before === '') return <p class="memory empty">(empty)</p>;
  const parts =
    before.length + after.length > LONGEST
      ? [{ value: after, added: false, removed: false }]
      : diffWordsWithSpace(before, after);
  return (
    <p class="memory">
      {parts.map(({ value, added, removed }) => {
        const text = visible(value);
        if (added) return <ins>{text}</ins>;
        return removed ? <del>{text}</del> : <span>{text}</span>;
      })}
      {after === '' && <span class="empty"> (empty)</span>}
    </p>
  );
}

/** A section of the document with what is relevant in it. */
export function Section({ parts }: { parts: readonly TextPart[] }) {
  return (
    <p class="section">
      {parts.map((part) => {
        if ('left' in part) return <span class="left"> … {part.left.toLocaleString('en-US')} characters … </span>;
        return part.relevant ? <mark>{visible(part.text)}</mark> : <span>{visible(part.text)}</span>;
      })}
    </p>
  );
}

/** "1.642", "-0.0003" */
export function number(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  return value !== 0 && Math.abs(value) < 10 ** -digits ? value.toExponential(1) : value.toFixed(digits);
}

export function signed(value: number, digits = 2): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(digits)}`;
}

export function Problems({ texts }: { texts: readonly (string | undefined)[] }) {
  const found = texts.filter((text) => text !== undefined);
  if (found.length === 0) return null;
  return (
    <ul class="problems" role="status">
      {found.map((text) => (
        <li key={text}>{visible(text)}</li>
      ))}
    </ul>
  );
}

export function Rows({ rows, caption }: { rows: readonly (readonly string[])[]; caption?: string }) {
  const [head, ...body] = rows;
  if (!head || body.length === 0) return null;
  return (
    <div class="scroll">
      <table>
        {caption && <caption>{caption}</caption>}
        <thead>
          <tr>
            {head.map((cell) => (
              <th scope="col">{visible(cell)}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {body.map(([first, ...cells]) => (
            <tr>
              <th scope="row">{visible(first)}</th>
              {cells.map((cell) => (
                <td>{visible(cell)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
