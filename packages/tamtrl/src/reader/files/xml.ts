/** XML of office documents, as events. Entities are not defined by documents, and nothing outside of them is loaded. */
import { Parser } from 'htmlparser2';
import { MAX_XML_NESTING } from '../../base/limits.js';
import { Decoding, declaredEncoding } from '../decoding.js';
import { ReaderError } from '../errors.js';

/** Names come without their prefix: "p" for `w:p`, and "r:id" becomes "id". */
export interface XmlEvents {
  open?(name: string, attributes: Readonly<Record<string, string>>): void;
  close?(name: string): void;
  text?(text: string): void;
}

const local = (name: string) => name.slice(name.indexOf(':') + 1);

/**
 * Reports what the bytes hold, and yields after each of their pieces, so that what was made of it can be passed on.
 * @param name of the document, for messages
 * @throws ReaderError `input` for what is nested too deep, and for what ends before its elements do.
 */
export async function* xmlEvents(
  bytes: AsyncIterable<Uint8Array>,
  name: string,
  events: XmlEvents,
): AsyncGenerator<void> {
  let depth = 0;
  const parser = new Parser(
    {
      onopentag(tag, attributes) {
        if (++depth > MAX_XML_NESTING) {
          throw new ReaderError(
            'input',
            `Cannot read ${name}: its elements are nested more than ${MAX_XML_NESTING} deep, which no real document's are.`,
          );
        }
        events.open?.(local(tag), withoutPrefixes(attributes));
      },
      onclosetag(tag) {
        depth--;
        events.close?.(local(tag));
      },
      ontext: (text) => events.text?.(text),
    },
    { xmlMode: true, decodeEntities: true },
  );
  let decoding: Decoding | undefined;
  for await (const piece of bytes) {
    if (decoding === undefined) {
      const encoding = declaredEncoding(piece);
      decoding = new Decoding(name, encoding === undefined ? {} : { encoding });
    }
    parser.write(decoding.write(piece));
    yield;
  }
  parser.write(decoding?.end() ?? '');
  // The parser itself would close what is open.
  if (depth > 0) {
    throw new ReaderError(
      'input',
      `Cannot read ${name}: its XML ends in the middle. It may be damaged or incomplete; export or download it again.`,
    );
  }
  parser.end();
  yield;
}

function withoutPrefixes(attributes: Readonly<Record<string, string>>): Record<string, string> {
  // A document may name an attribute "__proto__".
  const plain: Record<string, string> = Object.create(null);
  for (const name of Object.keys(attributes)) plain[local(name)] = attributes[name];
  return plain;
}

/** Reads the whole of an XML text for its events alone. */
export async function readXml(bytes: AsyncIterable<Uint8Array>, name: string, events: XmlEvents): Promise<void> {
  for await (const _ of xmlEvents(bytes, name, events));
}

/** Text as it stands between the tags of HTML. */
export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
