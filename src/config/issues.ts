import type { z } from 'zod';
import { nearest } from '../core/nearest.ts';
import { type ConfigPath, showPath } from '../core/setting.ts';
import { childSchema, keysOf, schemaAt, viewSchema } from './schema-walk.ts';
import { type ConfigNode, type MapNode, nodeAt } from './tree.ts';

/** What an issue of the schema means to the person who wrote the file. */
export interface Refusal {
  readonly path: ConfigPath;
  readonly what: string;
  readonly hint: string | undefined;
}

/** Sentences for one issue. Values are hardly ever quoted, see `visibleText`. */
export function explainIssue(
  issue: z.core.$ZodIssue,
  root: MapNode,
  schema: z.core.$ZodType,
): readonly Refusal[] {
  const path = issue.path as ConfigPath;
  const node = nodeAt(root, path);
  const one = (what: string, hint?: string): readonly Refusal[] => [{ path, what, hint }];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        what: 'is not a known setting',
        hint: unknownKeyHint(key, path, schema),
      }));
    case 'invalid_type':
      if (node === undefined) return one('is missing');
      return one(
        `must be ${TYPE_WORDS[issue.expected] ?? issue.expected}, not ${kindOf(node)}`,
        typeHint(issue.expected, node),
      );
    case 'invalid_value':
      return one(
        `${quoted(node)}must be one of ${issue.values.map(String).join(', ')}`,
        valueHint(issue.values, node),
      );
    case 'too_small':
      return one(
        own(issue) ??
          `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${unitOf(issue.origin)}`,
      );
    case 'too_big':
      return one(
        own(issue) ??
          `must be ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}${unitOf(issue.origin)}`,
      );
    case 'invalid_key':
      return one(
        issue.issues[0] === undefined
          ? 'is not a usable key'
          : `is not a usable key: it ${issue.issues[0].message}`,
      );
    default:
      return one(own(issue) ?? 'has a form that is not understood here');
  }
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
};

/** zod's own sentences begin with a capital; those of the schemas here do not. */
function own(issue: z.core.$ZodIssue): string | undefined {
  return /^[a-z]/.test(issue.message) ? issue.message : undefined;
}

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters long';
  return origin === 'array' ? ' items' : '';
}

/** The kind of a value, in words. */
export function kindOf(node: ConfigNode): string {
  if (node.kind !== 'scalar') return node.kind === 'map' ? 'a map' : 'a list';
  if (node.value === null) return 'nothing';
  if (typeof node.value === 'string') return 'text';
  return typeof node.value === 'number' ? 'a number' : 'true or false';
}

function typeHint(expected: string, node: ConfigNode): string | undefined {
  if (expected === 'string' && node.kind === 'scalar') return 'Put the value in quotes.';
  if (expected === 'array' && node.kind === 'scalar')
    return 'Write it as a list: [ … ], or one "- …" a line.';
  if (
    (expected === 'number' || expected === 'int' || expected === 'boolean') &&
    node.kind === 'scalar' &&
    node.variables !== undefined
  ) {
    return `The value comes from ${node.variables.join(', ')}.`;
  }
  return undefined;
}

function quoted(node: ConfigNode | undefined): string {
  const text = visibleText(node);
  return text === undefined ? '' : `is ${JSON.stringify(text)}, but `;
}

/** The value, when it is one short word that stands in the file itself: whatever else it is may be a secret. */
function visibleText(node: ConfigNode | undefined): string | undefined {
  if (node?.kind !== 'scalar' || node.variables !== undefined || node.value === null) return undefined;
  const text = String(node.value);
  return /^[A-Za-z][A-Za-z_-]{0,19}$/.test(text) ? text : undefined;
}

function valueHint(values: readonly unknown[], node: ConfigNode | undefined): string | undefined {
  const text = visibleText(node);
  const words = values.map(String);
  const near =
    text === undefined
      ? undefined
      : (words.find((word) => word.startsWith(text.toLowerCase())) ?? nearest(text, words));
  return near === undefined ? undefined : `Did you mean "${near}"?`;
}

/** The nearest key of this section, or the section that the key belongs to. */
function unknownKeyHint(key: string, path: ConfigPath, schema: z.core.$ZodType): string {
  const parent = schemaAt(schema, path);
  const known = parent === undefined ? [] : keysOf(parent.core);
  const first = /^\w+/.exec(key)?.[0];
  if (first !== undefined && first !== key && known.includes(first))
    return `A ":" and a space are missing after ${first}.`;
  const elsewhere = placesOf(key, schema);
  const near =
    nearest(key.replaceAll('-', '_'), known, 1) ??
    (elsewhere === undefined ? nearest(key, known) : undefined);
  if (near !== undefined) return `Did you mean "${near}"?`;
  if (elsewhere !== undefined) return `It belongs under ${elsewhere}.`;
  return `Known here: ${known.slice(0, 12).join(', ')}${known.length > 12 ? ', …' : ''}.`;
}

/** Sections, at most three, that know `key`. */
function placesOf(key: string, schema: z.core.$ZodType): string | undefined {
  const places: string[] = [];
  const root = viewSchema(schema).core;
  if (keysOf(root).includes(key)) places.push('the top level');
  for (const section of keysOf(root)) {
    const view = viewSchema(childSchema(root, section)!);
    if (keysOf(view.core).includes(key)) places.push(section);
    const { def } = view;
    if (def.type !== 'array' && def.type !== 'record') continue;
    const entry = viewSchema(childSchema(view.core, 0)!);
    if (keysOf(entry.core).includes(key))
      places.push(def.type === 'array' ? `${section}[]` : showPath([section, 'NAME']));
  }
  return places.length === 0 ? undefined : places.slice(0, 3).join(' or ');
}
