import type { ClientConfig, Pool, PoolClient } from 'pg';
import { checkOut } from './check-out.ts';
import type { Log } from '../../telemetry/log.ts';
import type {
  AccountKind,
  AccountOutcome,
  AccountRow,
  AccountTable,
  AccountWrite,
} from '../account-ports.ts';
import { watchAccounts } from './pg-account-watch.ts';

/** Rows that are read at a time. */
const PART_ROWS = 5_000;

const TABLES: Readonly<Record<AccountKind, { readonly name: string; readonly columns: readonly string[] }>> =
  {
    key: { name: 'keys', columns: ['digest', 'alias', 'user_id', 'team_id'] },
    user: { name: 'users', columns: [] },
    team: { name: 'teams', columns: ['alias'] },
  };

interface Read {
  readonly id: string;
  /** A bigint, which comes as text. */
  readonly version: string;
  readonly digest?: string;
  readonly alias?: string | null;
  readonly user_id?: string | null;
  readonly team_id?: string | null;
  readonly record: string;
}

/** Keys, users and teams on PostgreSQL. Triggers tell every process of each change (0004-keys.sql). */
export function accountTable(pool: Pool, connection: ClientConfig, log: Log): AccountTable {
  return {
    isWritable: true,
    parts: async function* (kind) {
      let after = '';
      for (;;) {
        const { rows } = await pool.query<Read>(
          `${select(kind)} WHERE id > $1 ORDER BY id LIMIT ${PART_ROWS}`,
          [after],
        );
        if (rows.length > 0) yield rows.map((row) => toRow(kind, row));
        if (rows.length < PART_ROWS) return;
        after = rows.at(-1)!.id;
      }
    },
    load: async (kind, ids) => {
      const { rows } = await pool.query<Read>(`${select(kind)} WHERE id = ANY ($1)`, [ids]);
      return rows.map((row) => toRow(kind, row));
    },
    change: async (writes) => {
      try {
        return await (writes.length === 1 ? write(pool, writes[0]!) : writeAll(pool, writes));
      } catch (error) {
        const outcome = outcomeOf(error);
        if (outcome === undefined) throw error;
        return outcome;
      }
    },
    watch: (listener) => watchAccounts({ connection, pool, log }, listener),
  };
}

function select(kind: AccountKind): string {
  const { name, columns } = TABLES[kind];
  return `SELECT ${['id', 'version', ...columns].join(', ')}, record::text AS record FROM ${name}`;
}

async function writeAll(pool: Pool, writes: readonly AccountWrite[]): Promise<AccountOutcome> {
  const client = await checkOut(pool);
  let broken: Error | undefined;
  try {
    await client.query('BEGIN');
    for (const one of writes) {
      const result = await write(client, one);
      if (result.outcome === 'kept') continue;
      await client.query('ROLLBACK');
      return result;
    }
    await client.query('COMMIT');
    return { outcome: 'kept' };
  } catch (error) {
    await client.query('ROLLBACK').catch((failure: Error) => {
      broken = failure;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

async function write(on: Pool | PoolClient, one: AccountWrite): Promise<AccountOutcome> {
  if (one.op === 'remove') {
    await on.query(`DELETE FROM ${TABLES[one.kind].name} WHERE id = ANY ($1)`, [one.ids]);
    return { outcome: 'kept' };
  }
  const { row } = one;
  const { name, columns } = TABLES[row.kind];
  const own = { digest: row.digest, alias: row.alias, user_id: row.user, team_id: row.team };
  const values = [...columns, 'record'].map((column) =>
    column === 'record' ? row.record : (own[column as keyof typeof own] ?? null),
  );
  if (one.op === 'insert') {
    const places = values.map((_, index) => `$${index + 2}`);
    await on.query(
      `INSERT INTO ${name} (${['id', ...columns, 'record'].join(', ')}) VALUES ($1, ${places.join(', ')})`,
      [row.id, ...values],
    );
    return { outcome: 'kept' };
  }
  const sets = [...columns, 'record'].map((column, index) => `${column} = $${index + 3}`);
  const { rowCount } = await on.query(
    `UPDATE ${name} SET ${sets.join(', ')} WHERE id = $1 AND version = $2`,
    [row.id, row.version, ...values],
  );
  return { outcome: rowCount === 0 ? 'stale' : 'kept' };
}

/** Of PostgreSQL's error codes (appendix A of its documentation) those that a caller can do something about. */
function outcomeOf(error: unknown): AccountOutcome | undefined {
  const { code, constraint } = error as { readonly code?: string; readonly constraint?: string };
  switch (code) {
    case '23505':
      if (constraint === 'keys_alias_key') return { outcome: 'taken', what: 'alias' };
      return { outcome: 'taken', what: constraint === 'keys_digest_key' ? 'digest' : 'id' };
    case '40001':
    case '40P01':
      return { outcome: 'stale' };
    case '22021':
    case '22P02':
    case '22P05':
      return { outcome: 'invalid' };
    default:
      return undefined;
  }
}

function toRow(kind: AccountKind, row: Read): AccountRow {
  return {
    kind,
    id: row.id,
    version: Number(row.version),
    digest: row.digest,
    alias: row.alias ?? undefined,
    user: row.user_id ?? undefined,
    team: row.team_id ?? undefined,
    record: row.record,
  };
}
