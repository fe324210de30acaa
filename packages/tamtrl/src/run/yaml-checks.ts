/** Parts of YAML that grow, have no end, or reach into JavaScript, each refused with its line. */
import { type Document, isAlias, isMap, isScalar, isSeq, type Node } from 'yaml';
import { MAX_YAML_ALIAS_VALUES, MAX_YAML_NESTING } from '../base/limits.js';
import { RunError } from './errors.js';

/** Names that stand for something else in a JavaScript object. */
const RESERVED = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Refuses text that opens more lists and mappings than the parser can follow: it calls itself for each.
 * @throws RunError `settings` with the line.
 */
export function checkNesting(path: string, text: string): void {
  let line = 0;
  let open = 0;
  for (const content of text.split('\n')) {
    line++;
    // In blocks, each level takes at least a column or a dash; between brackets, a bracket.
    for (const [bracket] of content.matchAll(/[[\]{}]/g)) {
      open = Math.max(0, open + (bracket === '[' || bracket === '{' ? 1 : -1));
      if (open > MAX_YAML_NESTING) throw tooDeep(`${path}:${line}:1`);
    }
    const dashes = /^\s*(?:[-?:]\s+)*/.exec(content)?.[0] ?? '';
    const marks = dashes.match(/[-?:]/g)?.length ?? 0;
    if (marks > MAX_YAML_NESTING || dashes.length > 10 * MAX_YAML_NESTING) throw tooDeep(`${path}:${line}:1`);
  }
}

function tooDeep(place: string): RunError {
  return new RunError('settings', `${place}: lists and mappings are nested more than ${MAX_YAML_NESTING} deep.`);
}

/** @param at "FILE:LINE:COLUMN" of an offset. @throws RunError `settings` with the line. */
export function checkYaml(document: Document.Parsed, at: (offset: number) => string): void {
  const anchors = new Map<string, Node>();
  /** Values below a node that is read to its end; of one that is not, none yet. */
  const sizes = new Map<Node, number>();
  let aliased = 0;
  const placeOf = (node: Node) => at(node.range?.[0] ?? 0);
  const refuse = (node: Node, what: string) => new RunError('settings', `${placeOf(node)}: ${what}`);

  const sizeOf = (node: unknown, depth: number): number => {
    if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (target === undefined) throw refuse(node, `*${node.source} names no anchor before it (&${node.source}).`);
      const size = sizes.get(target);
      if (size === undefined)
        throw refuse(node, `*${node.source} refers to a value that contains it, which would never end.`);
      aliased += size;
      if (aliased > MAX_YAML_ALIAS_VALUES) {
        throw refuse(node, `all aliases together stand for more than ${MAX_YAML_ALIAS_VALUES} values.`);
      }
      return size;
    }
    if (!isScalar(node) && !isMap(node) && !isSeq(node)) return 0;
    if (depth > MAX_YAML_NESTING) throw tooDeep(placeOf(node));
    if (node.anchor) anchors.set(node.anchor, node);
    let size = 1;
    if (isSeq(node)) for (const item of node.items) size += sizeOf(item, depth + 1);
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        if (isScalar(key) && RESERVED.has(String(key.value))) {
          throw refuse(key, `"${key.value}" is not the name of a setting. Remove it.`);
        }
        size += sizeOf(key, depth + 1) + sizeOf(value, depth + 1);
      }
    }
    sizes.set(node, size);
    return size;
  };
  sizeOf(document.contents, 0);
}
