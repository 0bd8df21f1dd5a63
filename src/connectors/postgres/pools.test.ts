import { expect, it } from 'vitest';
import { startEndingPostgres } from '../../../test/support/ending-postgres.ts';
import { Pools } from './pools.ts';

it('a session that the server ends at the moment it is had costs the next statement, and not the process', async () => {
  await using server = await startEndingPostgres();
  await using pools = new Pools({
    connection: { host: '127.0.0.1', port: server.port, user: 'u', database: 'd' },
    sessionsMax: 1,
    waitMs: 20_000,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  });
  const session = await pools.checkout('work');
  await expect(session.query('SELECT 1')).rejects.toThrow();
  session.release(true);
});
