import type { Pool } from 'pg';
import type { ToolHistoryRow, ToolHistoryTable } from '../store-ports.ts';

/** Tool histories, one row a tool. */
export function toolHistoryTable(pool: Pool): ToolHistoryTable {
  return {
    load: async (servers) => {
      const { rows } = await pool.query<{
        server: string;
        tool: string;
        payload: string;
        updated_at: Date;
      }>(
        'SELECT server, tool, payload, updated_at FROM tool_history WHERE server = ANY ($1) ORDER BY server, tool',
        [servers],
      );
      return rows.map(({ server, tool, payload, updated_at }) => ({
        server,
        tool,
        payload,
        updatedAt: updated_at.getTime(),
      }));
    },
    save: async (rows) => {
      // One statement, so that all of it is kept or nothing.
      await pool.query(
        `INSERT INTO tool_history (server, tool, payload, updated_at)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
         ON CONFLICT (server, tool) DO UPDATE SET payload = EXCLUDED.payload, updated_at = EXCLUDED.updated_at`,
        [
          rows.map((row) => row.server),
          rows.map((row) => row.tool),
          rows.map((row) => row.payload),
          rows.map((row: ToolHistoryRow) => new Date(row.updatedAt)),
        ],
      );
    },
    remove: async (server, tools) => {
      await pool.query('DELETE FROM tool_history WHERE server = $1 AND tool = ANY ($2)', [server, tools]);
    },
  };
}
