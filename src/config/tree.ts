import type { ConfigPath } from '../core/setting.ts';
import { showPath } from '../core/setting.ts';

/** Where a value stands; line and column count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number | undefined;
  readonly column: number | undefined;
}

/** A configuration value with its positions, changed step by step on the way from text to the typed object. */
export type ConfigNode = MapNode | ListNode | ScalarNode;

interface NodeBase {
  readonly at: Position;
  /** Path to show instead of the real one, for what was moved from where people wrote it. */
  shown?: string;
}

export interface MapNode extends NodeBase {
  readonly kind: 'map';
  readonly entries: Map<string, MapEntry>;
}

export interface MapEntry {
  readonly keyAt: Position;
  node: ConfigNode;
}

export interface ListNode extends NodeBase {
  readonly kind: 'list';
  /** `index` is the position as written; it stays when other items are taken out. */
  items: { readonly index: number; node: ConfigNode }[];
}

export interface ScalarNode extends NodeBase {
  readonly kind: 'scalar';
  value: string | number | boolean | null;
  /** As written, when that differs from the value: `1.10`, `True`. */
  source?: string;
  /** Names of the variables that were put in, and the text before. */
  variables?: readonly string[];
  template?: string;
}

export function mapNode(at: Position): MapNode {
  return { kind: 'map', at, entries: new Map() };
}

export function scalarNode(value: ScalarNode['value'], at: Position): ScalarNode {
  return { kind: 'scalar', value, at };
}

/** The value that zod sees. */
export function toPlain(node: ConfigNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map((item) => toPlain(item.node));
  return Object.fromEntries([...node.entries].map(([key, entry]) => [key, toPlain(entry.node)]));
}

/** The child under a key, or at a place of the list as it is now. */
export function childOf(node: ConfigNode | undefined, part: string | number): ConfigNode | undefined {
  if (node?.kind === 'map') return node.entries.get(String(part))?.node;
  if (node?.kind === 'list') return node.items[Number(part)]?.node;
  return undefined;
}

export function nodeAt(root: ConfigNode, path: ConfigPath): ConfigNode | undefined {
  let node: ConfigNode | undefined = root;
  for (const part of path) node = childOf(node, part);
  return node;
}

/** What `path` means to the person who wrote the file: its text there, and where to look. */
export function locate(root: ConfigNode, path: ConfigPath): { readonly path: string; readonly at: Position } {
  let node: ConfigNode | undefined = root;
  let at: Position = root.at;
  let shown = '';
  for (const part of path) {
    const here: ConfigNode | undefined = node;
    const entry: MapEntry | undefined = here?.kind === 'map' ? here.entries.get(String(part)) : undefined;
    const item: ListNode['items'][number] | undefined =
      here?.kind === 'list' ? here.items[Number(part)] : undefined;
    node = entry?.node ?? item?.node;
    at = entry?.keyAt ?? item?.node.at ?? at;
    const label = showPath([typeof part === 'number' ? (item?.index ?? part) : part]);
    shown = node?.shown ?? (shown === '' || label.startsWith('[') ? `${shown}${label}` : `${shown}.${label}`);
  }
  return { path: shown, at };
}

/**
 * A step that takes out the value at `path` or, when there is none, the nearest thing that should have held it. Steps stay valid when
 * others are run before them. `undefined` when that would be the root.
 */
export function removal(root: MapNode, path: ConfigPath): (() => void) | undefined {
  let known = path.length;
  while (known > 0 && nodeAt(root, path.slice(0, known)) === undefined) known -= 1;
  const last = path[known - 1];
  const parent = nodeAt(root, path.slice(0, Math.max(known - 1, 0)));
  if (last === undefined || parent === undefined || parent.kind === 'scalar') return undefined;
  if (parent.kind === 'map') return () => parent.entries.delete(String(last));
  const item = parent.items[Number(last)];
  return () => {
    parent.items = parent.items.filter((other) => other !== item);
  };
}
