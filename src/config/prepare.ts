import type { z } from 'zod';
import type { Collector } from './collector.ts';
import { hasVariables, interpolate, type Lookup } from './interpolate.ts';
import { childSchema, type SchemaView, viewSchema } from './schema-walk.ts';
import { type ConfigNode, locate, type MapNode, type ScalarNode } from './tree.ts';

const YES = new Set(['yes', 'on', 'true']);
const NO = new Set(['no', 'off', 'false']);

/**
 * Makes the tree ready for the schema: what LiteLLM knows and Lanport does not act on is taken out with a warning, keys without a value
 * count as left out, variables are put in, and their texts become numbers or true/false where the schema wants those.
 */
export function prepare(root: MapNode, schema: z.core.$ZodType, lookup: Lookup, collector: Collector): void {
  const warned = new Set<string>();
  const warnOnce = (mark: string, node: readonly (string | number)[], what: string): void => {
    if (warned.has(mark)) return;
    warned.add(mark);
    const { path, at } = locate(root, node);
    collector.at(at, 'warning', path, what);
  };

  const visit = (
    node: ConfigNode,
    view: SchemaView | undefined,
    path: readonly (string | number)[],
    pattern: string,
  ): void => {
    if (node.kind === 'scalar') {
      if (typeof node.value === 'string' && node.variables === undefined && hasVariables(node.value))
        putIn(node, path);
      if (view !== undefined) retype(node, view);
    } else if (node.kind === 'list') {
      node.items.forEach((item, at) => visit(item.node, child(view, at), [...path, at], `${pattern}[]`));
    } else visitMap(node, view, path, pattern);
  };

  const visitMap = (
    node: MapNode,
    view: SchemaView | undefined,
    path: readonly (string | number)[],
    pattern: string,
  ): void => {
    for (const [key, entry] of node.entries) {
      const inner = child(view, key);
      const here = [...path, key];
      const mark = `${pattern}.${view?.def.type === 'record' ? '*' : key}`;
      if (inner?.meta.inert === true) {
        warnOnce(mark, here, 'is a LiteLLM setting that Lanport does not act on');
        node.entries.delete(key);
      } else if (inner !== undefined && entry.node.kind === 'scalar' && entry.node.value === null) {
        node.entries.delete(key);
      } else {
        visit(entry.node, inner, here, mark);
        if (inner?.meta.later !== undefined && changesSomething(entry.node, inner))
          warnOnce(inner.meta.later, here, `is loaded, but without effect: ${inner.meta.later}`);
      }
    }
  };

  const putIn = (node: ScalarNode, path: readonly (string | number)[]): void => {
    const template = node.value as string;
    const { text, variables, problems } = interpolate(template, lookup);
    for (const { what, hint } of problems) collector.error(path, what, hint);
    node.value = text;
    node.template = template;
    node.variables = variables;
  };

  visit(root, viewSchema(schema), [], '');
}

function child(view: SchemaView | undefined, part: string | number): SchemaView | undefined {
  const schema = view === undefined ? undefined : childSchema(view.core, part);
  return schema === undefined ? undefined : viewSchema(schema);
}

/** Whether a value asks for anything: not an empty list or map, not what is the case anyway. */
function changesSomething(node: ConfigNode, view: SchemaView): boolean {
  if (node.kind === 'list') return node.items.length > 0;
  if (node.kind === 'map') return node.entries.size > 0;
  return node.value !== false && node.value !== (view.defaultValue ?? null);
}

/** Text and numbers mean what is written (`1.10`); variables are always text; and YAML 1.1, which LiteLLM reads, has more words for true and false. */
function retype(node: ScalarNode, view: SchemaView): void {
  const wanted = view.def.type;
  if (typeof node.value !== 'string') {
    const asWritten = wanted === 'union' && node.value !== null && node.source !== undefined;
    if (asWritten) node.value = node.source!;
    return;
  }
  const word = node.value.trim().toLowerCase();
  if (wanted === 'boolean' && (node.variables !== undefined || (word !== 'true' && word !== 'false'))) {
    if (YES.has(word) || (node.variables !== undefined && word === '1')) node.value = true;
    else if (NO.has(word) || (node.variables !== undefined && word === '0')) node.value = false;
  } else if (wanted === 'number' && node.variables !== undefined && /^[+-]?\d+(?:\.\d+)?$/.test(word))
    node.value = Number(word);
}
