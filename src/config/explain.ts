import { z } from 'zod';
import type { ConfigPath } from '../core/setting.ts';
import type { InspectedConfig } from './load.ts';
import { rootSchema } from './schema.ts';
import { childSchema, keysOf, type SchemaView, schemaAt, typeWords, viewSchema } from './schema-walk.ts';
import { type ConfigNode, childOf, locate, type MapNode, nodeAt, type ScalarNode } from './tree.ts';

/** One setting as it is in force. Secrets are replaced by `[secret]`. */
export interface Explanation {
  readonly path: string;
  /** JSON text of the value in force, or `undefined` when there is none. */
  readonly value: string | undefined;
  /** Where the value comes from: `config.yaml:12`, `environment variable …`, `command line`, `default`, `not set`. */
  readonly origin: string;
  readonly type: string;
  readonly meaning: string | undefined;
  readonly defaultValue: string | undefined;
  /** Environment variables that can give the value. */
  readonly environment: readonly string[];
}

/** Every setting that is in force: given ones, and defaults of sections with fixed keys. */
export function explainAll(inspected: InspectedConfig): readonly Explanation[] {
  return [...walk(inspected.root, inspected.root, viewSchema(rootSchema), [], false)];
}

/**
 * The setting at `text` (`general_settings.port`, `mcp_servers.db.args[0]`) with everything below it, or `undefined` when no setting has
 * this path.
 */
export function explainPath(inspected: InspectedConfig, text: string): readonly Explanation[] | undefined {
  const path = parsePath(text);
  const view = path === undefined ? undefined : schemaAt(rootSchema, path);
  if (path === undefined || view === undefined) return undefined;
  const moved = explainAll(inspected).filter(
    (one) => one.path === text || one.path.startsWith(`${text}.`) || one.path.startsWith(`${text}[`),
  );
  if (nodeAt(inspected.root, path) === undefined && moved.length > 0) return moved;
  const node = nodeAt(inspected.root, path);
  const below = [...walk(inspected.root, node, view, path, view.meta.secret === true)];
  if (below.length > 0 && (node === undefined || node.kind === 'scalar') && keysOf(view.core).length === 0)
    return below;
  return [explanation(inspected.root, undefined, view, path, false), ...below];
}

/** `a.b["c.d"][0]` as its parts, or `undefined` when it is no path. */
export function parsePath(text: string): ConfigPath | undefined {
  const parts: (string | number)[] = [];
  const pattern = /\.?([A-Za-z0-9_*-]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/y;
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (match === null) return undefined;
    const [, name, index, quoted] = match;
    parts.push(name ?? (index === undefined ? (JSON.parse(quoted!) as string) : Number(index)));
  }
  return parts.length === 0 ? undefined : parts;
}

function* walk(
  root: MapNode,
  node: ConfigNode | undefined,
  view: SchemaView,
  path: ConfigPath,
  secret: boolean,
): Generator<Explanation> {
  const hidden = secret || view.meta.secret === true;
  const inner = (part: string | number): SchemaView | undefined => {
    const schema = childSchema(view.core, part);
    return schema === undefined ? undefined : viewSchema(schema);
  };
  if (node?.kind === 'list' && node.items.every((item) => item.node.kind === 'scalar')) {
    const values = node.items.map((item) =>
      visible(item.node as ScalarNode, hidden || inner(0)?.meta.secret === true),
    );
    yield explanation(root, `[${values.join(', ')}]`, view, path, true);
  } else if (node?.kind === 'list') {
    for (const at of node.items.keys())
      yield* walk(root, childOf(node, at), inner(at) ?? LOOSE, [...path, at], hidden);
  } else if (node?.kind === 'map' || (node === undefined && keysOf(view.core).length > 0)) {
    const given = node?.kind === 'map' ? [...node.entries.keys()] : [];
    for (const key of new Set([...keysOf(view.core), ...given])) {
      const child = inner(key) ?? LOOSE;
      const value = childOf(node, key);
      const fixed = view.def.type === 'object' && path.length < 2;
      if (value !== undefined || (fixed && showsDefault(child)))
        yield* walk(root, value, child, [...path, key], hidden || (child === LOOSE && SECRET_NAME.test(key)));
    }
  } else if (node?.kind === 'scalar') yield explanation(root, visible(node, hidden), view, path, true);
  else yield explanation(root, undefined, view, path, false);
}

/** What is known of keys that are passed on as they are. */
const LOOSE: SchemaView = viewSchema(z.unknown());

function showsDefault(view: SchemaView): boolean {
  const value = view.defaultValue;
  if (view.meta.inert === true) return false;
  return (
    keysOf(view.core).length > 0 || (value !== undefined && (typeof value !== 'object' || value === null))
  );
}

function explanation(
  root: MapNode,
  value: string | undefined,
  view: SchemaView,
  path: ConfigPath,
  given: boolean,
): Explanation {
  const place = locate(root, path);
  const line = place.at.line === undefined ? place.at.file : `${place.at.file}:${place.at.line}`;
  const fallback = view.defaultValue === undefined ? undefined : JSON.stringify(view.defaultValue);
  const isSection = keysOf(view.core).length > 0;
  const unset = fallback === undefined ? 'not set' : 'default';
  return {
    path: place.path,
    value: given || isSection ? value : fallback,
    origin: given ? line : isSection ? 'section' : unset,
    type: typeWords(view),
    meaning:
      view.meta.inert === true ? 'A LiteLLM setting that Lanport does not act on.' : view.meta.description,
    defaultValue: fallback,
    environment: view.meta.env ?? [],
  };
}

const SECRET_NAME = /key|token|secret|passw|pwd|credential|auth|database_ur|dsn/i;

/** The value as JSON text; secrets, and variables whose names sound like secrets, stay hidden. */
function visible(node: ScalarNode, secret: boolean): string {
  if (secret && node.value !== null) return '[secret]';
  if (typeof node.value !== 'string') return JSON.stringify(node.value);
  const named = node.variables?.some((name) => SECRET_NAME.test(name)) === true;
  if (named && node.template === undefined) return '[secret]';
  return JSON.stringify(maskSecrets(named ? node.template! : node.value));
}

/** Hides passwords inside addresses, and values after `token=` and the like. */
export function maskSecrets(text: string): string {
  return text
    .replaceAll(/:\/\/[^/?#\s]*@/g, '://[secret]@')
    .replaceAll(/([\w-]*(?:key|token|secret|passw|pwd|credential|auth)[\w-]*=)[^&\s]+/gi, '$1[secret]');
}
