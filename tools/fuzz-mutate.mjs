// Changes of inputs, drawn from a seed.

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function random(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const NUMBERS = [
  '-1',
  '0',
  '1e308',
  '2147483648',
  '9007199254740993',
  '1.5',
  'null',
  'true',
  '"x"',
  '[]',
  '{}',
  '[[[[]]]]',
];
const MARKS = '<>/!-[](){}*_`~#|\\"\'&;:=%?.,+ \n\t\0'.split('');
const WORDS = [
  '__proto__',
  'constructor',
  '<!--',
  '-->',
  '<![CDATA[',
  '{{',
  '}}',
  '{%',
  '%}',
  '&a',
  '*a',
  '\ufeff',
  '\ud800',
  '\u2028',
  '\u200b',
  '\ue000',
];

/** `sample` with one to eight changes. */
export function mutated(sample, binary, draw) {
  let bytes = Buffer.from(sample);
  for (let changes = 1 + Math.floor(draw() * 8); changes > 0; changes--) bytes = changed(bytes, binary, draw);
  return bytes;
}

function changed(bytes, binary, draw) {
  const at = Math.floor(draw() * (bytes.length + 1));
  const length = Math.floor(draw() ** 3 * Math.min(bytes.length - at, 4096));
  const insert = (piece) => Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
  const choice = draw();
  if (choice < 0.3) return replaced(bytes, at, binary, draw);
  if (choice < 0.4) return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
  if (choice < 0.5) return insert(bytes.subarray(at, at + length));
  if (choice < 0.55) return bytes.subarray(0, at);
  if (binary) return replaced(bytes, at, binary, draw);
  if (choice < 0.7) return insert(Buffer.from(pick(MARKS, draw).repeat(2 ** Math.floor(draw() * 12))));
  if (choice < 0.8) return insert(Buffer.from(pick(WORDS, draw)));
  if (choice < 0.9) {
    // A piece again and again: what takes the square of its length shows.
    const piece = bytes.subarray(at, at + Math.min(length, 40));
    return insert(Buffer.concat(Array.from({ length: 2 ** Math.floor(draw() * 11) }, () => piece)));
  }
  return withNumber(bytes, draw);
}

function replaced(bytes, at, binary, draw) {
  const copy = Buffer.from(bytes);
  if (at >= copy.length) return copy;
  if (binary && draw() < 0.3 && at + 8 <= copy.length)
    copy.writeBigUInt64LE(BigInt(Math.floor(2 ** (draw() * 53))), at);
  else if (draw() < 0.5) copy[at] = Math.floor(draw() * 256);
  else copy[at] ^= 1 << Math.floor(draw() * 8);
  return copy;
}

/** Another value in the place of a number of the text. */
function withNumber(bytes, draw) {
  const text = bytes.toString('latin1');
  const numbers = [...text.matchAll(/\d+/g)];
  if (numbers.length === 0) return bytes;
  const { 0: old, index } = pick(numbers, draw);
  return Buffer.from(text.slice(0, index) + pick(NUMBERS, draw) + text.slice(index + old.length), 'latin1');
}

function pick(list, draw) {
  return list[Math.floor(draw() * list.length)];
}
