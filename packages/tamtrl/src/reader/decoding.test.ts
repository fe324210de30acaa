/** Text in the encodings that people have, however its bytes are split. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Decoding, declaredEncoding, decodedText } from './decoding.js';

const TEXT = 'Größe: 5 €\r\nнет, 東京 🚢\n';
const WESTERN = 'Café à Zürich – „gut“ für 5 €.\n';

function utf16(text: string, order: 'le' | 'be'): Buffer {
  const bytes = Buffer.from(text, 'utf16le');
  return order === 'le' ? bytes : bytes.swap16();
}

/** Latin letters of Windows-1252; the signs that it has in place of control characters by their bytes. */
function windows1252(text: string): Buffer {
  const signs: Record<string, number> = { '€': 0x80, '„': 0x84, '“': 0x93, '–': 0x96 };
  return Buffer.from([...text].map((character) => signs[character] ?? character.charCodeAt(0)));
}

function decode(bytes: Uint8Array, cuts: readonly number[] = [], encoding?: string) {
  const notes: string[] = [];
  const decoding = new Decoding('a.txt', { onNote: (note) => notes.push(note), ...(encoding && { encoding }) });
  let text = '';
  let at = 0;
  for (const cut of [...cuts.map((each) => each % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)) {
    text += decoding.write(bytes.subarray(at, cut));
    at = cut;
  }
  return { text: text + decoding.end(), notes };
}

describe('encodings', () => {
  const mark = '\ufeff';
  it.each<[string, Uint8Array, string, string[]]>([
    ['UTF-8', Buffer.from(TEXT), TEXT, []],
    ['UTF-8 with a mark', Buffer.from(mark + TEXT), TEXT, []],
    ['a mark alone', Buffer.from(mark), '', []],
    ['UTF-16LE with a mark', utf16(mark + TEXT, 'le'), TEXT, []],
    ['UTF-16BE with a mark', utf16(mark + TEXT, 'be'), TEXT, []],
    ['UTF-16LE', utf16(TEXT, 'le'), TEXT, ['a.txt was read as UTF-16LE (without a byte-order mark)']],
    ['UTF-16BE', utf16(TEXT, 'be'), TEXT, ['a.txt was read as UTF-16BE (without a byte-order mark)']],
    ['Chinese UTF-16LE', utf16('东京。\n大阪。\n', 'le'), '东京。\n大阪。\n', [expect.stringContaining('UTF-16LE')]],
    ['Windows-1252', windows1252(WESTERN), WESTERN, ['a.txt was read as Windows-1252 (it is not UTF-8)']],
    [
      'one odd byte',
      windows1252(`${'a'.repeat(70_000)}é`),
      `${'a'.repeat(70_000)}é`,
      [expect.stringContaining('1252')],
    ],
    ['nothing', Buffer.alloc(0), '', []],
    ['ASCII', Buffer.from('anna oslo\n'.repeat(9000)), 'anna oslo\n'.repeat(9000), []],
  ])('%s is recognised, and an assumption told once', (_, bytes, text, notes) => {
    expect(decode(bytes)).toEqual({ text, notes });
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 200_000 }), { maxLength: 6 }), (cuts) => {
        expect(decode(bytes, cuts)).toEqual({ text, notes });
      }),
      { numRuns: 20 },
    );
  });

  it('a named encoding is used, and an unknown one refused', () => {
    const japanese = Buffer.from([0x93, 0x8c, 0x8b, 0x9e]);
    expect(decode(japanese, [1, 3], 'shift_jis')).toEqual({ text: '東京', notes: [] });
    expect(() => decode(japanese, [], 'klingon')).toThrow('There is no encoding "klingon". Name one as browsers do');
  });

  it('what is no text is refused with the place, and with what to do', () => {
    const broken = Buffer.concat([Buffer.from('Größe '.repeat(20)), Buffer.from([0xff]), Buffer.from(' ä'.repeat(20))]);
    expect(() => decode(broken)).toThrow(
      /^a\.txt is not UTF-8 text \(around byte 160\)\. Name its encoding \(--encoding/,
    );
    const russian = Buffer.from([...'привет мир '.repeat(20)].map((letter) => (letter.charCodeAt(0) - 0x350) & 0xff));
    expect(() => decode(russian)).toThrow(
      'a.txt is neither UTF-8 nor UTF-16, and does not look like Windows-1252 (from byte 0 on)',
    );
    expect(() => decode(Buffer.from('anna\0oslo'))).toThrow('a.txt is binary: it has a zero byte');
    expect(() => decode(Buffer.from([0xff, 0xfe, 0, 0, 65, 0, 0, 0]))).toThrow('a.txt is UTF-32LE text');
  });
});

it('pages and XML declare encodings, of which UTF-8 and unknown ones are left to be recognised', () => {
  const of = (text: string) => declaredEncoding(Buffer.from(text));
  expect(of('<meta charset="Shift_JIS">')).toBe('shift_jis');
  expect(of('<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1">')).toBe('windows-1252');
  expect(of('<?xml version="1.0" encoding="koi8-r"?>')).toBe('koi8-r');
  expect(of('<meta charset=utf-8>')).toBeUndefined();
  expect(of('<meta charset=klingon>')).toBeUndefined();
  expect(decodedText(Buffer.from([0x93, 0x8c]), 'a.html', { encoding: of('<meta charset=sjis>') })).toBe('東');
});
