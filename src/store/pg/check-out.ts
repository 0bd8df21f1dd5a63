import type { Pool, PoolClient } from 'pg';

/**
 * A connection for several statements, to be released. When the server goes away between two of them the connection tells of it by an event,
 * which would end the process if nobody listened; the next statement fails anyway.
 */
export async function checkOut(pool: Pool): Promise<PoolClient> {
  const client = await pool.connect();
  if (client.listenerCount('error') === 0) client.on('error', () => undefined);
  return client;
}
