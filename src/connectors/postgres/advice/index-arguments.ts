import { InvalidArguments } from '../../../mcp/tool-arguments.ts';
import { quoteIdentifier } from '../role.ts';
import type { Session } from '../session.ts';
import { loadTables } from './tables.ts';
import type { IndexSpec } from './trial-indexes.ts';

const METHODS = ['btree', 'hash', 'brin', 'gin', 'gist'] as const;
const INDEXES_MAX = 10;
const COLUMNS_MAX = 8;

/** An index that a caller wants to see used, as it was written. */
export interface IndexWish {
  readonly table: string;
  readonly columns: readonly string[];
  readonly using: IndexSpec['using'];
}

/** Argument `hypothetical_indexes`, for tools/list. */
export const HYPOTHETICAL_INDEXES_SCHEMA = {
  type: 'array',
  maxItems: INDEXES_MAX,
  description: 'Indexes to plan with as if they were there. Not with analyze.',
  items: {
    type: 'object',
    properties: {
      table: { type: 'string', description: 'table or schema.table' },
      columns: { type: 'array', items: { type: 'string' }, minItems: 1 },
      using: { type: 'string', enum: METHODS, default: 'btree' },
    },
    required: ['table', 'columns'],
  },
} as const;

/** Reads that argument. Throws InvalidArguments. */
export function readIndexWishes(given: unknown): IndexWish[] {
  const items = (given ?? []) as readonly unknown[];
  if (items.length > INDEXES_MAX) throw wrong(`has more than ${INDEXES_MAX} indexes`);
  return items.map((item) => {
    const { table, columns, using = 'btree' } = (item ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof table !== 'string' || table === '') throw wrong('needs "table", a text, in each index');
    const names = Array.isArray(columns) ? (columns as unknown[]) : [];
    if (names.length === 0 || names.length > COLUMNS_MAX || !names.every((name) => typeof name === 'string'))
      throw wrong(`needs "columns", 1 to ${COLUMNS_MAX} column names, in each index`);
    if (!METHODS.includes(using as IndexWish['using'])) throw wrong(`knows "using" as ${METHODS.join(', ')}`);
    return { table, columns: names, using: using as IndexWish['using'] };
  });
}

/** Finds tables and columns of the wishes in the catalogue. Throws InvalidArguments that names what there is not. */
export async function resolveIndexes(session: Session, wishes: readonly IndexWish[]): Promise<IndexSpec[]> {
  const tables = await loadTables(
    session,
    wishes.map(({ table }) =>
      table.includes('"') ? table : table.split('.').map(quoteIdentifier).join('.'),
    ),
  );
  return wishes.map(({ table: name, columns, using }, at) => {
    const table = tables[at];
    if (table === undefined || !['r', 'p', 'm'].includes(table.kind))
      throw wrong(
        `names the table ${JSON.stringify(name)}, which there is not; list_objects shows the tables`,
      );
    const unknown = columns.find((column) => !table.columns.has(column));
    if (unknown !== undefined)
      throw wrong(
        `names the column ${JSON.stringify(unknown)}, which ${name} has not; it has ${[...table.columns.keys()].join(', ')}`,
      );
    return { table, columns, using };
  });
}

function wrong(what: string): InvalidArguments {
  return new InvalidArguments(`Argument "hypothetical_indexes" ${what}.`);
}
