/**
 * Folder names of a comparison's methods and benchmarks. Distinct names never share a folder: which name has which is
 * kept in the comparison's folder, so that neither the order of the file nor names added later change it.
 */
import { fnv1a } from '../base/hash.js';

/** By the name in the file. */
export interface FolderNames {
  methods: ReadonlyMap<string, string>;
  benchmarks: ReadonlyMap<string, string>;
}

interface Named {
  name: string;
  /** It is made by a sweep: its folder may tell signs and equals signs, which those of earlier versions do not. */
  isVariant?: boolean;
}

/** Bytes of each: method, seed, benchmark and the end of a file beside their folder make a name of at most 255. */
const MOST_BYTES = 100;

/** Ends of the files that are written beside the folders: `a.json` is the record of `a`. */
const BESIDE = /(\.(jsonl?|log|yaml|failed|partial))+$/;

/**
 * A folder name for each method and benchmark. Names that had one keep it.
 * @param known what the comparison's folder says; may be anything
 */
export function folderNames(methods: readonly Named[], benchmarks: readonly Named[], known: unknown): FolderNames {
  const { methods: ofMethods, benchmarks: ofBenchmarks } = (known ?? {}) as Record<string, unknown>;
  const kept = { methods: keptNames(ofMethods), benchmarks: keptNames(ofBenchmarks) };
  for (const each of benchmarks) {
    addName(kept.benchmarks, each, (slug) => {
      const pairs = [...kept.benchmarks.values()].flatMap((other) => confusable(slug, other));
      return pairs.some(([short, long]) => isConfused([...kept.methods.values()], short, long));
    });
  }
  const others = [...kept.benchmarks.values()];
  const pairs = others.flatMap((one) => others.flatMap((other) => (one === other ? [] : confusable(one, other))));
  for (const each of methods) {
    addName(kept.methods, each, (slug) =>
      pairs.some(([short, long]) => isConfused([...kept.methods.values(), slug], short, long)),
    );
  }
  return kept;
}

/** For the comparison's folder. */
export function namesAsJson({ methods, benchmarks }: FolderNames): object {
  return { methods: Object.fromEntries(methods), benchmarks: Object.fromEntries(benchmarks) };
}

function addName(names: Map<string, string>, { name, isVariant }: Named, isTaken: (slug: string) => boolean): void {
  if (names.has(name)) return;
  const plain = isVariant ? variantSlug(name) : slugOf(name);
  const taken = new Set([...names.values()].map(sameFolder));
  const isFree = (slug: string) => slug.length > 0 && !taken.has(sameFolder(slug)) && !isTaken(slug);
  let slug = Buffer.byteLength(plain) > MOST_BYTES ? marked(plain, name) : plain;
  for (let more = 0; !isFree(slug); more++) slug = marked(plain, `${name}${'+'.repeat(more)}`);
  names.set(name, slug);
}

/** As all versions name folders. */
function slugOf(name: string): string {
  return name.toLowerCase().replaceAll(/[^\p{L}\p{N}.]+/gu, '-');
}

/** "tamtrl alpha=-0.5" -> "tamtrl-alpha=-0.5" */
function variantSlug(name: string): string {
  return name.toLowerCase().replaceAll(/[^\p{L}\p{N}.=+-]+/gu, '-');
}

/** The beginning of a name, and a hash of the whole. */
function marked(slug: string, name: string): string {
  let start = slug;
  while (Buffer.byteLength(start) > MOST_BYTES - 9) start = start.slice(0, -1).replace(/\p{Cs}$/u, '');
  return `${start}-${(fnv1a(name) >>> 0).toString(16).padStart(8, '0')}`;
}

/** Equal for names that a file system takes for the same, or for a folder and a file beside it. */
function sameFolder(slug: string): string {
  return slug.normalize('NFKC').toUpperCase().toLowerCase().replace(BESIDE, '');
}

/** Evaluations are in METHOD-SEED-BENCHMARK: benchmarks of which one ends with a seed and the other, shorter first. */
function confusable(one: string, other: string): [string, string][] {
  const [short, long] = one.length < other.length ? [one, other] : [other, one];
  return /(^|-)\d+$/.test(long.slice(0, Math.max(0, long.length - short.length - 1))) && long.endsWith(`-${short}`)
    ? [[short, long]]
    : [];
}

/** "a-1-" + "8-chunks" is also "a-1-8-" + "chunks": whether two methods and seeds make it so. */
function isConfused(methods: readonly string[], short: string, long: string): boolean {
  const middle = long.slice(0, -short.length - 1).replace(/(^|-)\d+$/, '');
  const tail = middle === '' ? '' : `-${middle}`;
  const isSeed = (text: string) => text.endsWith(tail) && /^\d+$/.test(text.slice(0, text.length - tail.length));
  return methods.some((one) =>
    methods.some((other) => other.startsWith(`${one}-`) && isSeed(other.slice(one.length + 1))),
  );
}

function keptNames(value: unknown): Map<string, string> {
  const found = new Map<string, string>();
  const folders = new Set<string>();
  if (typeof value !== 'object' || value === null) return found;
  for (const [name, slug] of Object.entries(value)) {
    // Someone may have edited the file: a name with a slash would lead elsewhere.
    if (typeof slug !== 'string' || !/^[\p{L}\p{N}\p{M}.=+-]+$/u.test(slug) || folders.has(sameFolder(slug))) continue;
    folders.add(sameFolder(slug));
    found.set(name, slug);
  }
  return found;
}
