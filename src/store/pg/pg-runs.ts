import type { Pool } from 'pg';
import type { RunQueries } from '../store-ports.ts';
import { reached } from './reached.ts';

interface SpendColumns {
  readonly key_id: string;
  readonly user_id: string | null;
  readonly team: string | null;
  readonly model: string | null;
  readonly server: string | null;
  readonly passed: number;
  readonly cost: string;
}

/** What the ledger knows of the gateways that write to it. */
export function runQueries(pool: Pool): RunQueries {
  return {
    ended: async (by, silentMs, writers) => {
      const { rows } = await reached(
        pool.query<{ writer: string; seq: string; is_predecessor: boolean }>(
          `SELECT writer, seq, home = $2 AS is_predecessor FROM ledger_writers WHERE writer = ANY ($4) AND writer <> $1
             AND (home = $2 OR alive_at IS NULL OR alive_at < now() - $3 * interval '1 millisecond')`,
          [by.writer, by.home, silentMs, writers],
        ),
      );
      return rows.map(({ writer, seq, is_predecessor: isPredecessor }) => ({
        writer,
        seq: Number(seq),
        isPredecessor,
      }));
    },
    spent: async ({ writer, after, through, from, marks }) => {
      const { rows } = await reached(
        pool.query<SpendColumns>(
          `SELECT key_id, user_id, team, ledger_usage_model(model, deployment, status, cost) AS model, server,
             width_bucket(started_at, $5::timestamptz[]) AS passed, sum(cost) AS cost
           FROM ledger_calls WHERE started_at >= $4 AND end_writer = $1 AND end_seq > $2 AND end_seq <= $3 AND kind <> 'admin' AND cost > 0
           GROUP BY 1, 2, 3, 4, 5, 6`,
          [writer, after, through, new Date(from), marks.map((mark) => new Date(mark))],
        ),
      );
      return rows.map(({ key_id: key, user_id: user, team, model, server, passed, cost }) => ({
        names: { key, user: user ?? '', team: team ?? '', model: model ?? '', server: server ?? '' },
        passed,
        cost: Number(cost),
      }));
    },
  };
}
