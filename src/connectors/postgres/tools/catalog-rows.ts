import type { ToolContext } from '../../../mcp/tool-context.ts';
import type { Database } from '../database.ts';

export type Row = Readonly<Record<string, unknown>>;

/** Rows of one of our own statements on the catalogue; what callers say goes in as values. */
export function queryRows(
  database: Database,
  context: ToolContext,
  text: string,
  values: readonly unknown[],
): Promise<readonly Row[]> {
  return database.read(
    context,
    async ({ client }) => (await client.query<Row>({ text, values: [...values] })).rows,
  );
}

/** A name written as `schema.name` means both, when no schema is given; double quotes around either are taken off. */
export function splitName(args: Row): { readonly schema: string | null; readonly name: string } {
  const name = String(args['object_name']);
  if (typeof args['schema_name'] === 'string') return { schema: args['schema_name'], name: bare(name) };
  const parts = /^("(?:[^"]|"")+"|[^".]+)\.(.+)$/s.exec(name);
  return parts === null
    ? { schema: null, name: bare(name) }
    : { schema: bare(parts[1]!), name: bare(parts[2]!) };
}

function bare(name: string): string {
  return /^".+"$/s.test(name) ? name.slice(1, -1).replaceAll('""', '"') : name;
}
