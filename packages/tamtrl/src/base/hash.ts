/** Hashes for seeds and fingerprints. None of them is safe against deliberate collisions. */

export const FNV_START = 0x811c9dc5;

/** FNV-1a (Fowler, Noll, Vo) over UTF-16 code units, continuing from the hash so far. A signed 32-bit integer. */
export function fnv1a(text: string, from = FNV_START): number {
  let hash = from;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash | 0;
}
