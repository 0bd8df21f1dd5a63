import { EventEmitter } from 'node:events';
import type { Pool, PoolClient } from 'pg';
import { expect, it } from 'vitest';
import { checkOut } from './check-out.ts';

it('a connection that breaks between two statements ends nobody', async () => {
  const client = new EventEmitter();
  const pool = { connect: () => Promise.resolve(client as unknown as PoolClient) } as Pool;
  await checkOut(pool);
  await checkOut(pool);
  expect(client.listenerCount('error')).toBe(1);
  expect(() => client.emit('error', new Error('terminating connection'))).not.toThrow();
});
