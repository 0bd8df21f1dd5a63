import type { Pool } from 'pg';
import type { SpendTable } from '../store-ports.ts';

const COLUMNS = { key: 'key_id', user: 'user_id', team: 'team', model: 'model', server: 'server' } as const;

/** Spending by the ledger's rows. */
export function spendTable(pool: Pool): SpendTable {
  return {
    spentSince: async (scope, id, sinceMs, model) => {
      const ofModel = model === undefined ? '' : ' AND model = $3';
      const { rows } = await pool.query<{ usd: string }>(
        `SELECT coalesce(sum(cost), 0)::text AS usd FROM ledger_calls
         WHERE started_at >= $1 AND ${COLUMNS[scope]} = $2 AND cost IS NOT NULL${ofModel}`,
        [new Date(sinceMs), id, ...(model === undefined ? [] : [model])],
      );
      return Number(rows[0]!.usd);
    },
  };
}
