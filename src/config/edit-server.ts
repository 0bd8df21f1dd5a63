import { isDeepStrictEqual } from 'node:util';
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import { hasVariables } from './interpolate.ts';
import { blockScalar, replacedPart, scalarText } from './yaml-text.ts';

/** One change of a server's entry; `path` is relative to it. */
export type ServerEdit =
  | {
      readonly path: readonly string[];
      readonly value: string;
      /** The value in force, with variables put in: where only a part of it changes, the rest stays as it is written. */
      readonly was?: string | undefined;
    }
  | { readonly path: readonly string[]; readonly insertAt: number; readonly item: string };

/** The file cannot be changed by a program without changing more than what was asked for; the message says why. */
export class EditRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'EditRefused';
  }
}

interface Splice {
  readonly at: number;
  readonly end: number;
  readonly text: string;
}

type Path = readonly (string | number)[];

/**
 * `text` of a configuration file with the edits made in the entry of one server. Nothing but these values changes: comments, order,
 * quotes and layout stay byte for byte. Throws EditRefused; then nothing was changed.
 */
export function editServer(text: string, server: string, edits: readonly ServerEdit[]): string {
  return edits.reduce((current, edit) => applyOne(current, server, edit), text);
}

function applyOne(text: string, server: string, edit: ServerEdit): string {
  const document = read(text);
  const entry = findEntry(document, server);
  const { splice, value } =
    'value' in edit
      ? setValue(text, entry.node, edit)
      : { splice: insertItem(text, entry.node, edit), value: edit.item };
  const changed = text.slice(0, splice.at) + splice.text + text.slice(splice.end);
  const expected = document.toJS() as unknown;
  if (
    !put(expected, [...entry.path, ...edit.path], edit, value) ||
    !isDeepStrictEqual(read(changed).toJS(), expected)
  )
    throw new EditRefused(
      `${edit.path.join('.')} of server "${server}" is written in a way (an anchor, an alias or a long text) that a change of it alone is not possible`,
    );
  return changed;
}

function read(text: string): Document {
  const document = parseDocument(text, { merge: true, uniqueKeys: false });
  if (document.errors.length > 0) throw new EditRefused('the file is not YAML');
  return document;
}

/** Makes the edit in the plain value of the file; whether that was possible. */
function put(root: unknown, path: Path, edit: ServerEdit, value: string): boolean {
  let holder = root as Record<string | number, unknown>;
  for (const part of path.slice(0, -1)) {
    if (typeof holder[part] !== 'object' || holder[part] === null) holder[part] = {};
    holder = holder[part] as Record<string | number, unknown>;
  }
  const last = path.at(-1)!;
  if ('value' in edit) holder[last] = value;
  else if (Array.isArray(holder[last])) holder[last].splice(edit.insertAt, 0, value);
  else return false;
  return true;
}

/** Finds the entry in each form in which servers are written. */
function findEntry(document: Document, server: string): { readonly node: YAMLMap; readonly path: Path } {
  for (const section of ['mcp_servers', 'mcp_settings']) {
    const holder: unknown = document.get(section, true);
    if (isMap(holder)) {
      const node = holder.get(server, true) as unknown;
      if (isMap(node)) return { node, path: [section, server] };
    }
    if (!isSeq(holder)) continue;
    for (const [at, item] of holder.items.entries()) {
      const found = namedIn(item, server);
      if (found !== undefined) return { node: found.node, path: [section, at, ...found.path] };
    }
  }
  throw new EditRefused(`the entry of server "${server}" was not found in the file as a map of its own`);
}

function namedIn(item: unknown, server: string): { readonly node: YAMLMap; readonly path: Path } | undefined {
  if (!isMap(item)) return undefined;
  const inner = item.get('mcp_server', true) as unknown;
  if (isMap(inner)) {
    const found = namedIn(inner, server);
    return found === undefined ? undefined : { node: found.node, path: ['mcp_server', ...found.path] };
  }
  if (item.get('name') === server || item.get('server_name') === server) return { node: item, path: [] };
  const only = item.get(server, true) as unknown;
  return item.items.length === 1 && isMap(only) ? { node: only, path: [server] } : undefined;
}

function setValue(
  text: string,
  entry: YAMLMap,
  edit: Extract<ServerEdit, { value: string }>,
): { readonly splice: Splice; readonly value: string } {
  const [key, ...rest] = edit.path as [string, ...string[]];
  const pair = pairOf(entry, key);
  if (rest.length > 0) {
    if (pair === undefined)
      return { splice: insertPair(text, entry, key, { [rest.join('.')]: edit.value }), value: edit.value };
    if (!isMap(pair.value) || pair.value.items.length === 0)
      throw new EditRefused(`${key} is not a map to which ${rest.join('.')} could be added`);
    return setValue(text, pair.value, { ...edit, path: rest });
  }
  if (pair === undefined) return { splice: insertPair(text, entry, key, edit.value), value: edit.value };
  return replaceScalar(text, entry, pair, edit);
}

function replaceScalar(
  text: string,
  map: YAMLMap,
  pair: Pair,
  edit: Extract<ServerEdit, { value: string }>,
): { readonly splice: Splice; readonly value: string } {
  const node = pair.value as Node | null;
  const flow = map.flow === true;
  if (node === null || (isScalar(node) && node.source === '')) {
    const at = text.indexOf(':', (pair.key as Node).range![1]) + 1;
    return { splice: { at, end: at, text: ` ${scalarText(edit.value, 'PLAIN', flow)}` }, value: edit.value };
  }
  if (isAlias(node)) return { splice: over(node, scalarText(edit.value, 'PLAIN', flow)), value: edit.value };
  if (!isScalar(node) || blockScalar(node.type))
    throw new EditRefused(`${edit.path.join('.')} is not one text on one line`);
  const before = String(node.value);
  const value =
    before === edit.was || edit.was === undefined ? edit.value : replacedPart(before, edit.was, edit.value);
  if (value === undefined || (hasVariables(before) && edit.was === undefined))
    throw new EditRefused(
      `${edit.path.join('.')} comes from a variable, whose value has to become ${edit.value}`,
    );
  return { splice: over(node, scalarText(value, node.type ?? 'PLAIN', flow)), value };
}

function over(node: Node, text: string): Splice {
  return { at: node.range![0], end: node.range![1], text };
}

/** A new key behind the line that says where the server is. */
function insertPair(
  text: string,
  map: YAMLMap,
  key: string,
  value: string | Readonly<Record<string, string>>,
): Splice {
  const behind =
    pairOf(map, 'url') ??
    pairOf(map, 'command') ??
    map.items.findLast(({ value: node }) => isScalar(node) && !blockScalar(node.type));
  if (behind === undefined || !isScalar(behind.key) || !(behind.value as Node | null)?.range)
    throw new EditRefused(`there is no line behind which ${key} could be added`);
  const keyAt = behind.key.range![0];
  const lineAt = text.lastIndexOf('\n', keyAt - 1) + 1;
  const lead = text.slice(lineAt, keyAt);
  const end = (behind.value as Node).range![1];
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  if (map.flow === true) {
    const json = behind.key.type === 'QUOTE_DOUBLE';
    const inside =
      typeof value === 'string'
        ? scalarText(value, json ? 'QUOTE_DOUBLE' : 'PLAIN', true)
        : JSON.stringify(value);
    const gap =
      /^[ \t]*$/.test(lead) && lineAt > 0 && text.slice(map.range![0], keyAt).includes('\n')
        ? `${eol}${lead}`
        : ' ';
    return { at: end, end, text: `,${gap}${json ? JSON.stringify(key) : key}: ${inside}` };
  }
  const indent = ' '.repeat(lead.length);
  const lines =
    typeof value === 'string'
      ? [`${key}: ${scalarText(value, 'PLAIN', false)}`]
      : [
          `${key}:`,
          ...Object.entries(value).map(([name, inner]) => `  ${name}: ${scalarText(inner, 'PLAIN', false)}`),
        ];
  const newline = text.indexOf('\n', end);
  const lineEnd = newline < 0 ? text.length : text[newline - 1] === '\r' ? newline - 1 : newline;
  return { at: lineEnd, end: lineEnd, text: lines.map((line) => `${eol}${indent}${line}`).join('') };
}

function insertItem(text: string, entry: YAMLMap, edit: Extract<ServerEdit, { insertAt: number }>): Splice {
  const list: unknown = entry.getIn(edit.path, true);
  const next = isSeq(list) ? (list.items[edit.insertAt] as Node | undefined) : undefined;
  if (!isSeq(list) || !isScalar(next))
    throw new EditRefused(
      `${edit.path.join('.')} is not written as a list that ${edit.item} could be put into`,
    );
  const at = next.range![0];
  const quote = next.type ?? 'PLAIN';
  const item = scalarText(edit.item, blockScalar(quote) ? 'PLAIN' : quote, list.flow === true);
  if (list.flow === true) return { at, end: at, text: `${item}, ` };
  const lead = text.slice(text.lastIndexOf('\n', at - 1) + 1, at);
  if (!/^ *- +$/.test(lead))
    throw new EditRefused(`${edit.path.join('.')} is not written with one item a line`);
  return { at, end: at, text: `${item}${text.includes('\r\n') ? '\r\n' : '\n'}${lead}` };
}

function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((pair) => isScalar(pair.key) && pair.key.value === key);
}
