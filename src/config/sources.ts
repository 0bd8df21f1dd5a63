import type { Collector } from './collector.ts';
import type { Lookup } from './interpolate.ts';
import { rootSchema } from './schema.ts';
import { childSchema, keysOf, viewSchema } from './schema-walk.ts';
import { type MapEntry, type MapNode, mapNode, type Position, scalarNode } from './tree.ts';

/** Settings that LiteLLM writes under `litellm_settings` and that have one place here. */
const MOVED = [
  ['master_key', 'master_key'],
  ['database_url', 'database_url'],
  ['json_logs', 'json_logs'],
  ['set_verbose', 'detailed_debug'],
] as const;

/** Where values come from that no file gives. */
export const COMMAND_LINE = 'command line';

/** Values given on the command line, by path: `{'general_settings.port': 4001}`. They win over everything. */
export type Overrides = Readonly<Record<string, string | number | boolean | undefined>>;

/** Drops sections that are written without content, so that they count as left out, and `x-…` sections, which only hold YAML anchors. */
export function dropEmptySections(root: MapNode): void {
  const known = keysOf(viewSchema(rootSchema).core);
  for (const [key, { node }] of root.entries) {
    const empty = node.kind === 'scalar' && node.value === null && known.includes(key);
    if (empty || key.startsWith('x-')) root.entries.delete(key);
  }
}

/** Moves what LiteLLM keeps under `litellm_settings` to its one place. A value that stands there already wins. */
export function moveLitellmSettings(root: MapNode, collector: Collector): void {
  const from = root.entries.get('litellm_settings')?.node;
  if (from?.kind !== 'map') return;
  const general = section(root, 'general_settings');
  for (const [key, target] of MOVED) {
    const entry = from.entries.get(key);
    if (entry === undefined || general === undefined) continue;
    from.entries.delete(key);
    if (isGiven(general.entries.get(target))) {
      collector.at(
        entry.keyAt,
        'warning',
        `litellm_settings.${key}`,
        `has no effect, because general_settings.${target} is set too`,
        'Keep one of them.',
      );
      continue;
    }
    entry.node.shown = `litellm_settings.${key}`;
    general.entries.set(target, entry);
  }
  moveAliases(root, from, collector);
}

function moveAliases(root: MapNode, from: MapNode, collector: Collector): void {
  const moved = from.entries.get('mcp_aliases');
  if (moved?.node.kind !== 'map') return;
  const aliases = section(root, 'mcp_aliases');
  if (aliases === undefined) return;
  from.entries.delete('mcp_aliases');
  for (const [alias, entry] of moved.node.entries) {
    const known = aliases.entries.get(alias)?.node;
    entry.node.shown = `litellm_settings.mcp_aliases.${alias}`;
    if (known === undefined) aliases.entries.set(alias, entry);
    else if (known.kind === 'scalar' && entry.node.kind === 'scalar' && known.value !== entry.node.value) {
      collector.at(
        entry.keyAt,
        'error',
        entry.node.shown,
        'is given to another server under mcp_aliases',
        'Keep one of them.',
      );
    }
  }
}

/** The map under a top-level key, made when it is missing; `undefined` when something else stands there. */
function section(root: MapNode, key: string): MapNode | undefined {
  const node = root.entries.get(key)?.node;
  if (node !== undefined) return node.kind === 'map' ? node : undefined;
  const made = mapNode(root.at);
  root.entries.set(key, { keyAt: root.at, node: made });
  return made;
}

function isGiven(entry: MapEntry | undefined): boolean {
  return entry !== undefined && !(entry.node.kind === 'scalar' && entry.node.value === null);
}

/** Fills settings that the file leaves open from the environment variables that their schema names. */
export function applyEnvironment(root: MapNode, lookup: Lookup): void {
  const schema = viewSchema(rootSchema).core;
  for (const name of keysOf(schema)) {
    const core = viewSchema(childSchema(schema, name)!).core;
    for (const key of keysOf(core)) {
      const variable = viewSchema(childSchema(core, key)!).meta.env?.find(
        (candidate) => (lookup(candidate) ?? '') !== '',
      );
      const target = variable === undefined ? undefined : section(root, name);
      if (variable === undefined || target === undefined || isGiven(target.entries.get(key))) continue;
      put(
        target,
        key,
        lookup(variable)!,
        { file: `environment variable ${variable}`, line: undefined, column: undefined },
        [variable],
      );
    }
  }
}

/** Puts in values from the command line. Throws when a path leads nowhere: such a path is a mistake in the program. */
export function applyOverrides(root: MapNode, overrides: Overrides): void {
  for (const [path, value] of Object.entries(overrides)) {
    if (value === undefined) continue;
    const [name, key, ...rest] = path.split('.');
    const core = viewSchema(childSchema(viewSchema(rootSchema).core, name!) ?? rootSchema).core;
    if (key === undefined || rest.length > 0 || !keysOf(core).includes(key))
      throw new Error(`no setting has the path ${path}`);
    const target = section(root, name!);
    if (target !== undefined)
      put(target, key, value, { file: COMMAND_LINE, line: undefined, column: undefined }, []);
  }
}

function put(
  target: MapNode,
  key: string,
  value: string | number | boolean,
  at: Position,
  variables: readonly string[],
): void {
  const node = scalarNode(value, at);
  node.variables = variables;
  target.entries.set(key, { keyAt: at, node });
}

/** The address that LiteLLM builds of DATABASE_HOST, DATABASE_NAME and the like, when DATABASE_URL is not set. */
export function databaseUrlOf(lookup: Lookup): string | undefined {
  const [host, name, user] = [lookup('DATABASE_HOST'), lookup('DATABASE_NAME'), lookup('DATABASE_USERNAME')];
  if (!host || !name || !user) return undefined;
  const password = lookup('DATABASE_PASSWORD');
  const login = `${encodeURIComponent(user)}${password ? `:${encodeURIComponent(password)}` : ''}`;
  const schema = lookup('DATABASE_SCHEMA');
  return `postgresql://${login}@${host}/${encodeURIComponent(name)}${schema ? `?schema=${encodeURIComponent(schema)}` : ''}`;
}
