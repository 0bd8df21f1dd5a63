import { expect, it } from 'vitest';
import { startEndingPostgres } from '../../../test/support/ending-postgres.ts';
import { silentLog } from '../../telemetry/log.ts';
import { createPool } from './pg-store.ts';

it('a connection that the server ends at the moment it is had costs the next statement, and not the process', async () => {
  await using server = await startEndingPostgres();
  const pool = createPool({ host: '127.0.0.1', port: server.port, user: 'u', database: 'd' }, silentLog);
  const client = await pool.connect();
  await expect(client.query('SELECT 1')).rejects.toThrow();
  client.release(true);
  await pool.end();
});
