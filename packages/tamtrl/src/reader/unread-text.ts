/** Skips what a state has read that has no log of its way: one of an earlier version. */
import { fnv1a } from '../base/hash.js';
import { ReaderError } from './errors.js';
import type { PlacedText, Places } from './places.js';

/**
 * The text after its first `read` characters.
 * @param fingerprint of these characters
 * @throws ReaderError `state` if they differ.
 */
export async function* unreadText(
  source: AsyncIterable<PlacedText>,
  places: Places,
  read: number,
  fingerprint: number,
): AsyncGenerator<string> {
  let passed = 0;
  let hash = fnv1a('');
  places.clear();
  for await (const bit of places.record(source, 0)) {
    if (passed >= read) {
      yield bit;
      continue;
    }
    const old = bit.slice(0, read - passed);
    hash = fnv1a(old, hash);
    passed += old.length;
    places.drop(passed);
    if (passed < read) continue;
    if (hash !== fingerprint) throw otherText(read);
    if (old.length < bit.length) yield bit.slice(old.length);
  }
  if (passed < read) throw otherText(read);
}

function otherText(read: number): ReaderError {
  return new ReaderError(
    'state',
    `The first ${read} characters of the text differ from what the saved state has read. Give the same text (it may have grown), or read again without the state.`,
  );
}
