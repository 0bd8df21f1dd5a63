import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Pool, type PoolConfig } from 'pg';
import { startProgram } from './process.ts';

export interface TestPostgres extends AsyncDisposable {
  /** Address of the maintenance database. */
  readonly url: string;
  /** Makes an empty database and gives its address. */
  createDatabase(): Promise<string>;
  /** Runs statements on a database of this server; the rows of the last one. */
  query(url: string, sql: string): Promise<Record<string, unknown>[]>;
}

/**
 * A pool for a test. Ended connections may still hear that the server stops (57P01): the pool says so by an event, which fails the run when
 * nobody listens. A statement that is under way fails by itself.
 */
export function testPool(connectionString: string, max?: number): Pool {
  const config: PoolConfig = { connectionString };
  if (max !== undefined) config.max = max;
  const pool = new Pool(config);
  pool.on('error', () => undefined);
  return pool;
}

/** Starts a real PostgreSQL server for tests, in a folder of its own. */
export async function startTestPostgres(): Promise<TestPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'lanport-pg-'));
  const program = await startProgram('test/support/postgres-program.ts', [folder]);
  let databases = 0;
  const query: TestPostgres['query'] = async (url, sql) => {
    const client = new Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    try {
      const result = (await client.query(sql)) as unknown as
        | { rows: Record<string, unknown>[] }
        | { rows: Record<string, unknown>[] }[];
      return Array.isArray(result) ? (result.at(-1)?.rows ?? []) : result.rows;
    } finally {
      await client.end();
    }
  };
  return {
    url: program.ready,
    query,
    createDatabase: async () => {
      const name = `test_${process.pid}_${++databases}`;
      await query(program.ready, `CREATE DATABASE ${name}`);
      return program.ready.replace('/postgres?', `/${name}?`);
    },
    [Symbol.asyncDispose]: async () => {
      const exited = once(program.child, 'exit');
      program.child.stdin?.end();
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
