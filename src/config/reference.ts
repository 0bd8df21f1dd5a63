import { z } from 'zod';
import type { SettingMeta } from '../core/setting.ts';
import { rootSchema } from './schema.ts';
import { childSchema, defOf, keysOf, type SchemaView, typeWords, viewSchema } from './schema-walk.ts';

type Json = Record<string, unknown>;

/** The reference of all settings: JSON Schema for editors, and a page for people. Both come from the schema alone. */
export function generateConfigReference(): { readonly schema: Readonly<Json>; readonly markdown: string } {
  return { schema: jsonSchema(), markdown: markdown() };
}

const META_KEYS: readonly (keyof SettingMeta)[] = ['env', 'inert', 'later', 'secret', 'listForm', 'words'];
/** A variable may stand wherever a value may. */
const VARIABLE: Json = { type: 'string', pattern: '\\$\\{|^os\\.environ/' };

function jsonSchema(): Json {
  const schema = z.toJSONSchema(rootSchema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema: json, zodSchema }) => {
      const target = json as Json;
      const meta = (z.globalRegistry.get(zodSchema) ?? {}) as SettingMeta;
      for (const key of META_KEYS) delete target[key];
      if (meta.listForm === true) allowList(target);
      if (['number', 'boolean', 'enum', 'literal'].includes(defOf(zodSchema).type)) allowVariable(target);
    },
  }) as Json;
  return { ...schema, title: 'Lanport configuration', patternProperties: { '^x-': {} } };
}

function allowVariable(target: Json): void {
  const { description, default: fallback, ...plain } = target;
  for (const key of Object.keys(plain)) delete target[key];
  target['anyOf'] = [plain, VARIABLE];
  if (description !== undefined) target['description'] = description;
  if (fallback !== undefined) target['default'] = fallback;
}

/** `mcp_servers` as a list, each item with its name. */
function allowList(target: Json): void {
  const { description, default: fallback, additionalProperties, ...map } = target;
  for (const key of Object.keys(target)) delete target[key];
  const entry = structuredClone(additionalProperties) as Json;
  const item = { ...entry, properties: { name: { type: 'string' }, ...(entry['properties'] as Json) } };
  target['anyOf'] = [
    { ...map, additionalProperties },
    { type: 'array', items: item },
  ];
  target['description'] = description;
  target['default'] = fallback;
}

const INTRODUCTION = `# Configuration

One YAML file. Durations are numbers (of seconds, where not said otherwise) or texts such as \`"30s"\`, \`"5m"\`, \`"2h"\`, \`"30d"\`; sizes are numbers of bytes or texts such as \`"32MiB"\`.

Variables can stand in any text: \`\${NAME}\`, \`\${NAME:-default}\` and, as the whole text, \`os.environ/NAME\`. \`$\${\` is a literal \`\${\`. A variable that is not set is an error.

What is given on the command line wins over the file, the file over environment variables, those over the defaults. \`lanport config explain FILE\` shows which one won; \`lanport config check FILE\` shows every problem at once. Sections whose names begin with \`x-\` are ignored and can hold YAML anchors.
`;

function markdown(): string {
  const root = viewSchema(rootSchema);
  const parts = [INTRODUCTION];
  for (const key of keysOf(root.core)) {
    const view = viewSchema(childSchema(root.core, key)!);
    if (view.meta.inert !== true) parts.push(...section(key, view, 2));
  }
  parts.push(inertParagraph(root, 'Further sections'));
  return parts.filter((part) => part !== '').join('\n');
}

/** A heading, what it means, a table of its keys, then the sections inside. */
function section(path: string, view: SchemaView, level: number): string[] {
  const entry = entryOf(path, view);
  const heading = `${'#'.repeat(level)} \`${entry.path}\`\n\n${view.meta.description ?? ''}\n`;
  const keys = keysOf(entry.view.core);
  if (keys.length === 0) return [`${heading}\nType: ${cell(typeWords(view))}.\n`];
  const rows: string[] = [];
  const nested: string[] = [];
  for (const key of keys) {
    const child = viewSchema(childSchema(entry.view.core, key)!);
    if (child.meta.inert === true) continue;
    rows.push(row(key, child));
    const inner = entryOf(`${entry.path}.${key}`, child);
    if (keysOf(inner.view.core).length > 0 && path !== 'mcp_settings')
      nested.push(...section(`${entry.path}.${key}`, child, Math.min(level + 1, 4)));
  }
  const table = `| key | type | default | meaning |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`;
  return [heading, table, inertParagraph(entry.view, 'Further keys'), ...nested];
}

/** What the entries of a list or map look like: `virtual_keys[]`, `mcp_servers.<name>`. */
function entryOf(path: string, view: SchemaView): { readonly path: string; readonly view: SchemaView } {
  const { type } = view.def;
  if (type !== 'array' && type !== 'record') return { path, view };
  const inner = viewSchema(childSchema(view.core, type === 'array' ? 0 : 'name')!);
  return keysOf(inner.core).length === 0
    ? { path, view }
    : { path: type === 'array' ? `${path}[]` : `${path}.<name>`, view: inner };
}

function row(key: string, view: SchemaView): string {
  const { meta, defaultValue } = view;
  const fallback =
    defaultValue === undefined ? (view.optional ? '' : 'required') : `\`${JSON.stringify(defaultValue)}\``;
  const type = typeWords(view);
  const notes = [
    meta.description,
    meta.env === undefined ? undefined : `Environment: ${meta.env.map((name) => `\`${name}\``).join(', ')}.`,
    meta.later === undefined ? undefined : `Without effect so far: ${meta.later}.`,
  ];
  return `| \`${key}\` | ${cell(type)} | ${cell(fallback)} | ${cell(notes.filter((note) => note !== undefined).join(' '))} |`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function inertParagraph(view: SchemaView, what: string): string {
  const names = keysOf(view.core).filter(
    (key) => viewSchema(childSchema(view.core, key)!).meta.inert === true,
  );
  if (names.length === 0) return '';
  return `${what} that LiteLLM knows are accepted with a warning and have no effect: ${names.map((name) => `\`${name}\``).join(', ')}.\n`;
}
