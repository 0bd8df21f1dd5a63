import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbedded } from '../../src/store/pg/embedded.ts';
import { silentLog } from '../../src/telemetry/log.ts';

/** Connection parameters of a role that needs no password. */
export interface DatabaseTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** A server of a test file's own, with one superuser connection. */
export interface TestDatabase extends AsyncDisposable {
  /** How to reach it, as the superuser or another role. */
  target(user?: string): DatabaseTarget;
  /** Runs statements as the superuser; the rows of the last one. */
  run(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

/**
 * Starts the embedded PostgreSQL in a temporary folder. With LANPORT_TEST_POSTGRES (`host:port:user`) a database on that server is used
 * instead, to run the same tests on another version; it must trust every role, and is left as the test left it.
 */
export async function openTestDatabase(): Promise<TestDatabase> {
  const given = process.env['LANPORT_TEST_POSTGRES'];
  if (given !== undefined) return openGiven(given);
  const folder = await mkdtemp(join(tmpdir(), 'lanport-db-'));
  await chmod(folder, 0o755);
  const server = await startEmbedded(folder, silentLog);
  return connect(server.connection('postgres'), async () => {
    await server[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });
}

async function openGiven(given: string): Promise<TestDatabase> {
  const [host = '', port = '5432', user = 'postgres'] = given.split(':');
  const server = { host, port: Number(port), user, database: 'postgres' };
  const database = `lanport_test_${process.pid}_${Date.now()}`;
  const admin = new pg.Client(server);
  admin.on('error', () => undefined);
  await admin.connect();
  await admin.query(`CREATE DATABASE ${database}`);
  return connect({ ...server, database }, async () => {
    await admin.query(`DROP DATABASE ${database} WITH (FORCE)`);
    await admin.end();
  });
}

async function connect(target: DatabaseTarget, stop: () => Promise<void>): Promise<TestDatabase> {
  const client = new pg.Client({ ...target, options: '-c timezone=UTC' });
  client.on('error', () => undefined);
  await client.connect();
  return {
    target: (user) => (user === undefined ? target : { ...target, user }),
    run: async (sql) => {
      const results = await client.query(sql);
      const last = Array.isArray(results) ? (results as pg.QueryResult[]).at(-1) : results;
      return (last?.rows ?? []) as Record<string, unknown>[];
    },
    [Symbol.asyncDispose]: async () => {
      await client.end();
      await stop();
    },
  };
}
