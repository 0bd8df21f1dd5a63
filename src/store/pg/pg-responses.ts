import type { Pool } from 'pg';
import type { ResponseTable } from '../store-ports.ts';

/** Of what a key may keep: after so much was saved, its oldest answers go where there are too many. */
const TRIM_SHARE = 16;

const TRIM = `DELETE FROM responses AS r USING (
  SELECT key_id, id, sum(bytes) OVER (PARTITION BY key_id ORDER BY saved_at DESC, id DESC) AS total FROM responses
) AS kept WHERE r.key_id = kept.key_id AND r.id = kept.id AND kept.total > $1`;

/** Answers of models that their clients may refer to, one row each. A key keeps `bytesPerKeyMax`, give or take a sixteenth. */
export function responseTable(pool: Pool, bytesPerKeyMax: number): ResponseTable {
  let savedBytes = 0;
  return {
    save: async ({ id, keyId, expiresAt, payload }) => {
      const bytes = Buffer.byteLength(payload);
      await pool.query(
        `INSERT INTO responses (key_id, id, payload, bytes, saved_at, expires_at) VALUES ($1, $2, $3, $4, clock_timestamp(), $5)
         ON CONFLICT (key_id, id) DO UPDATE
         SET payload = EXCLUDED.payload, bytes = EXCLUDED.bytes, saved_at = EXCLUDED.saved_at, expires_at = EXCLUDED.expires_at`,
        [keyId, id, payload, bytes, new Date(expiresAt)],
      );
      savedBytes += bytes;
      if (savedBytes * TRIM_SHARE < bytesPerKeyMax) return;
      savedBytes = 0;
      await pool.query(TRIM, [bytesPerKeyMax]);
    },
    load: async (id, keyId) => {
      const { rows } = await pool.query<{ payload: string; expires_at: Date }>(
        'SELECT payload, expires_at FROM responses WHERE key_id = $1 AND id = $2 AND expires_at > now()',
        [keyId, id],
      );
      const [row] = rows;
      return row && { id, keyId, payload: row.payload, expiresAt: row.expires_at.getTime() };
    },
    isOthers: async (id, keyId) => {
      const { rows } = await pool.query<{ is_others: boolean }>(
        'SELECT EXISTS (SELECT 1 FROM responses WHERE id = $2 AND key_id <> $1) AS is_others',
        [keyId, id],
      );
      return rows[0]?.is_others === true;
    },
    remove: async (id, keyId) => {
      const { rows } = await pool.query<{ is_there: boolean }>(
        'DELETE FROM responses WHERE key_id = $1 AND id = $2 RETURNING expires_at > now() AS is_there',
        [keyId, id],
      );
      return rows[0]?.is_there === true;
    },
    purge: async () => {
      const { rowCount } = await pool.query('DELETE FROM responses WHERE expires_at <= now()');
      return rowCount ?? 0;
    },
  };
}
