import type { Pool } from 'pg';
import type { BodyStore, CallBody, DeploymentTable } from '../store-ports.ts';
import type { Partitions } from './ledger-partitions.ts';
import { reached } from './reached.ts';

const DAY_MS = 86_400_000;

/** Bodies of calls in ledger_bodies. */
export function bodyStore(pool: Pool, partitions: Partitions): BodyStore {
  return {
    append: async (bodies) => {
      await partitions.prepare(bodies.map(({ startedAt }) => startedAt));
      await pool.query(
        `INSERT INTO ledger_bodies (call_id, started_at, part, content, bytes, dropped_bytes)
         SELECT id, to_timestamp(at / 1000), part, content, bytes, dropped
         FROM unnest($1::uuid[], $2::float8[], $3::text[], $4::text[], $5::bigint[], $6::bigint[]) AS b(id, at, part, content, bytes, dropped)
         ON CONFLICT DO NOTHING`,
        [
          bodies.map(({ callId }) => callId),
          bodies.map(({ startedAt }) => startedAt),
          bodies.map(({ part }) => part),
          bodies.map(({ content }) => content),
          bodies.map(({ bytes }) => bytes),
          bodies.map(({ droppedBytes }) => droppedBytes),
        ],
      );
    },
    load: async (calls, bytesMax) => {
      if (calls.length === 0) return [];
      const moments = calls.map(({ startedAt }) => startedAt);
      const { rows } = await reached(
        pool.query<Record<string, string>>(
          // The first and the last moment leave only their days to look into.
          `SELECT * FROM (
             SELECT call_id, w.at, part, content, bytes, dropped_bytes, sum(octet_length(content)) OVER (ORDER BY started_at DESC, call_id, part) AS through
             FROM unnest($1::uuid[], $2::float8[]) AS w(id, at) JOIN ledger_bodies AS b ON b.call_id = w.id AND b.started_at = to_timestamp(w.at / 1000)
             WHERE b.started_at BETWEEN to_timestamp($3::float8 / 1000) AND to_timestamp($4::float8 / 1000)
           ) AS bodies WHERE through <= $5 ORDER BY call_id, part`,
          [calls.map(({ id }) => id), moments, Math.min(...moments), Math.max(...moments), bytesMax],
        ),
      );
      return rows.map((row) => ({
        callId: row['call_id'] ?? '',
        startedAt: Number(row['at']),
        part: row['part'] as CallBody['part'],
        content: row['content'] ?? '',
        bytes: Number(row['bytes']),
        droppedBytes: Number(row['dropped_bytes']),
      }));
    },
    dropBefore: async (ms) => {
      const old = (await partitions.days()).filter((day) => Date.parse(day) + DAY_MS <= ms);
      for (const day of old) await partitions.drop(day);
      await pool.query(
        'DELETE FROM ledger_bodies_default WHERE started_at < to_timestamp($1::float8 / 1000)',
        [ms],
      );
      return old;
    },
  };
}

/** The deployments that rows name, in ledger_deployments. */
export function deploymentTable(pool: Pool): DeploymentTable {
  return {
    save: async (rows) => {
      await pool.query(
        `INSERT INTO ledger_deployments (id, provider, model, api_base)
         SELECT DISTINCT ON (id) * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS d(id, provider, model, api_base) ORDER BY id
         ON CONFLICT (id) DO UPDATE SET provider = EXCLUDED.provider, model = EXCLUDED.model, api_base = EXCLUDED.api_base`,
        [
          rows.map(({ id }) => id),
          rows.map(({ provider }) => provider),
          rows.map(({ model }) => model),
          rows.map(({ apiBase }) => apiBase),
        ],
      );
    },
  };
}
