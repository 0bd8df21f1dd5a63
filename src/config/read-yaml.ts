import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import { showPath } from '../core/setting.ts';
import type { ConfigProblem } from './problem.ts';
import { type ConfigNode, type ListNode, type MapNode, mapNode, type Position, scalarNode } from './tree.ts';

/** Values in one file at most, aliases counted as often as they are used: a small text cannot grow without end. */
const NODES_MAX = 100_000;
const DEPTH_MAX = 100;

/** Reads YAML text into a tree with positions. `root` is `undefined` when the text is empty or cannot be understood. */
export function readYaml(
  text: string,
  file: string,
): { readonly root: ConfigNode | undefined; readonly problems: readonly ConfigProblem[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    merge: true,
  });
  const reader = new Reader(document, lines, file);
  for (const { code, message, pos } of document.errors)
    reader.report(pos[0], '', syntaxText(code, message), SYNTAX_HINTS[code]);
  if (reader.problems.length > 0) return { root: undefined, problems: reader.problems };
  const root = document.contents === null ? undefined : reader.node(document.contents, [], 0);
  const empty = root?.kind === 'scalar' && root.value === null;
  return { root: empty ? undefined : root, problems: reader.problems };
}

const SYNTAX_TEXTS: Readonly<Record<string, string>> = {
  BAD_INDENT: 'the indentation does not fit',
  BLOCK_AS_IMPLICIT_KEY: 'a nested map cannot begin on the line of its key',
  MISSING_CHAR: 'a character is missing, such as ":", a closing quote or a closing bracket',
  MULTIPLE_DOCS: 'the file contains more than one document',
  MULTILINE_IMPLICIT_KEY: 'a key goes on over several lines; probably a ":" is missing after it',
  TAB_AS_INDENT: 'a tab stands where only spaces may indent',
  UNEXPECTED_TOKEN: 'something stands where it cannot stand',
};

const SYNTAX_HINTS: Readonly<Record<string, string>> = {
  BAD_INDENT: 'Entries of one level begin in the same column.',
  BLOCK_AS_IMPLICIT_KEY: 'Begin it on the next line, or put a value that contains ": " in quotes.',
  MISSING_CHAR: 'Look at this line and the one above.',
  MULTIPLE_DOCS: 'Remove the line "---" between them.',
  TAB_AS_INDENT: 'Replace the tab with spaces.',
};

/** The parser's own sentence without what it quotes from the file, which may be a secret. */
function syntaxText(code: string, message: string): string {
  const own =
    SYNTAX_TEXTS[code] ??
    message
      .split('\n')[0]!
      .replaceAll(/(["'`]).*\1/g, '…')
      .replace(/:? *…?$/, '');
  return `this is not YAML: ${own}`;
}

class Reader {
  readonly problems: ConfigProblem[] = [];
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #file: string;
  #nodes = 0;

  constructor(document: Document, lines: LineCounter, file: string) {
    this.#document = document;
    this.#lines = lines;
    this.#file = file;
  }

  report(offset: number, path: string, what: string, hint?: string): void {
    const { line, col } = this.#lines.linePos(offset);
    this.problems.push({ severity: 'error', path, file: this.#file, line, column: col, what, hint });
  }

  node(node: Node | null, path: readonly (string | number)[], depth: number): ConfigNode {
    const offset = node?.range?.[0] ?? 0;
    const at = this.#position(offset);
    this.#nodes += 1;
    if (this.#nodes === NODES_MAX) this.report(offset, '', `more than ${NODES_MAX} values are written here`);
    if (depth === DEPTH_MAX)
      this.report(offset, showPath(path), `is nested more than ${DEPTH_MAX} levels deep`);
    if (this.#nodes >= NODES_MAX || depth >= DEPTH_MAX || node === null) return scalarNode(null, at);
    if (isAlias(node)) return this.#alias(node, path, depth);
    if (isMap(node)) return this.#map(node, at, path, depth);
    if (isSeq(node)) {
      const list: ListNode = { kind: 'list', at, items: [] };
      node.items.forEach((item, index) =>
        list.items.push({ index, node: this.node(item as Node | null, [...path, index], depth + 1) }),
      );
      return list;
    }
    if (!isScalar(node)) return scalarNode(null, at);
    const scalar = scalarNode(this.#scalar(node.value, offset, path), at);
    if (node.source !== undefined && String(scalar.value) !== node.source) scalar.source = node.source;
    return scalar;
  }

  #alias(alias: Alias, path: readonly (string | number)[], depth: number): ConfigNode {
    const target = alias.resolve(this.#document) as Node | undefined;
    if (target === undefined) {
      const hint = `Write &${alias.source} in front of the value it means, further up.`;
      this.report(
        alias.range?.[0] ?? 0,
        showPath(path),
        `refers to the anchor ${alias.source}, which is not defined above`,
        hint,
      );
    }
    return this.node(target ?? null, path, depth + 1);
  }

  #map(node: YAMLMap, at: Position, path: readonly (string | number)[], depth: number): MapNode {
    const map = mapNode(at);
    const merged: Pair[] = [];
    for (const pair of node.items) {
      const key = this.#key(pair, path);
      if (key === undefined) continue;
      if (isMergeKey(pair)) {
        merged.push(pair);
        continue;
      }
      const keyAt = this.#position((pair.key as Node).range?.[0] ?? 0);
      const earlier = map.entries.get(key);
      if (earlier !== undefined) {
        const hint = `It stands in line ${earlier.keyAt.line} already. Merge the two entries, or rename one.`;
        this.report((pair.key as Node).range?.[0] ?? 0, showPath([...path, key]), 'is given twice', hint);
        continue;
      }
      const value = pair.value as Node | null;
      map.entries.set(key, {
        keyAt,
        node: value === null ? scalarNode(null, keyAt) : this.node(value, [...path, key], depth + 1),
      });
    }
    for (const pair of merged) this.#merge(map, this.node(pair.value as Node, path, depth + 1), pair, path);
    return map;
  }

  /** YAML's `<<`: keys that the map does not have itself (https://yaml.org/type/merge.html). */
  #merge(map: MapNode, from: ConfigNode, pair: Pair, path: readonly (string | number)[]): void {
    if (from.kind === 'list') for (const item of from.items) this.#merge(map, item.node, pair, path);
    else if (from.kind === 'map') {
      for (const [key, entry] of from.entries) if (!map.entries.has(key)) map.entries.set(key, entry);
    } else
      this.report(
        (pair.key as Node).range?.[0] ?? 0,
        showPath([...path, '<<']),
        'must refer to a map',
        'Name an anchor, as in <<: *defaults.',
      );
  }

  #key(pair: Pair, path: readonly (string | number)[]): string | undefined {
    const key = isAlias(pair.key) ? pair.key.resolve(this.#document) : pair.key;
    const offset = (pair.key as Node | null)?.range?.[0] ?? 0;
    if (!isScalar(key) || typeof key.value === 'object') {
      if (isMergeKey(pair)) return '<<';
      this.report(offset, showPath(path), 'has a key that is not a plain text');
      return undefined;
    }
    const text = typeof key.value === 'string' ? key.value : (key.source ?? '');
    if (text === '__proto__') {
      this.report(offset, showPath([...path, text]), 'is not a key');
      return undefined;
    }
    return text;
  }

  #scalar(
    value: unknown,
    offset: number,
    path: readonly (string | number)[],
  ): string | number | boolean | null {
    if (typeof value === 'string' || typeof value === 'boolean' || value === null || value === undefined)
      return value ?? null;
    if (typeof value === 'number') return value;
    this.report(offset, showPath(path), 'has a type that is not used here', 'Put the value in quotes.');
    return null;
  }

  #position(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line, column: col };
  }
}

function isMergeKey(pair: Pair): boolean {
  const key = pair.key;
  return isScalar(key) && (typeof key.value === 'symbol' || key.value === '<<') && key.type === 'PLAIN';
}
