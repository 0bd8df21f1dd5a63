import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { DEMO_ROLE, loadDemo } from '../../src/connectors/postgres/demo/load-demo.ts';
import { startEmbedded } from '../../src/store/pg/embedded.ts';
import { silentLog } from '../../src/telemetry/log.ts';

/** A server of its own with the demo in it. */
export interface DemoDatabase extends AsyncDisposable {
  /** How the demo's reader reaches it. */
  readonly target: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly database: string;
  };
  /** The same over TCP, as the other servers want it. */
  readonly url: string;
  /** Runs statements as the owner. */
  run(sql: string): Promise<readonly Record<string, unknown>[]>;
}

/** Starts the embedded server in a temporary folder and loads the demo. */
export async function startDemoDatabase(): Promise<DemoDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'lanport-bench-db-'));
  await chmod(folder, 0o755);
  const server = await startEmbedded(folder, silentLog);
  const target = server.connection('postgres');
  const owner = new Client(target);
  await owner.connect();
  const run: DemoDatabase['run'] = async (sql) => {
    const results = (await owner.query(sql)) as unknown as
      | { rows: Record<string, unknown>[] }
      | { rows: Record<string, unknown>[] }[];
    return Array.isArray(results) ? (results.at(-1)?.rows ?? []) : results.rows;
  };
  await loadDemo(run);
  const door = createServer((client) => {
    const inner = connect(join(target.host, `.s.PGSQL.${target.port}`));
    client.pipe(inner).pipe(client);
    client.on('error', () => inner.destroy());
    inner.on('error', () => client.destroy());
  });
  door.listen(0, '127.0.0.1');
  await once(door, 'listening');
  const { port } = door.address() as AddressInfo;
  return {
    target: { ...target, user: DEMO_ROLE },
    url: `postgresql://${DEMO_ROLE}:unused@127.0.0.1:${port}/${target.database}`,
    run,
    [Symbol.asyncDispose]: async () => {
      door.close();
      await owner.end();
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
