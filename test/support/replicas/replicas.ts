import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MASTER_KEY, startGateway, type TestGateway } from '../gateway.ts';
import { startTestPostgres, type TestPostgres } from '../postgres.ts';
import { startRedis, type TestRedis } from '../redis.ts';
import { serversSettled } from '../servers.ts';
import { type Balancer, startBalancer } from './balancer.ts';

/** What all the replicas' chains are made with. */
export const LEDGER_KEY = 'replicas-ledger-key-0123456789';

type Config = Readonly<Record<string, unknown>>;

/** Gateways with one configuration, one PostgreSQL and one Redis, behind a load balancer. */
export interface Replicas extends AsyncDisposable {
  readonly gateways: readonly TestGateway[];
  readonly balancer: Balancer;
  readonly postgres: TestPostgres;
  readonly redis: TestRedis;
  /** Of their database. */
  readonly databaseUrl: string;
  /** What `lanport` needs to be told of them. */
  readonly env: Readonly<Record<string, string>>;
  /** Writes another configuration for all of them, as a file that they share would change. */
  configure(config: Config): Promise<void>;
}

/** Starts so many gateways and waits until each of them has tried its servers. `config`: all but the master key and the database. */
export async function startReplicas(count: number, config: Config): Promise<Replicas> {
  const opened: AsyncDisposable[] = [];
  const close = async (): Promise<void> => {
    for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
  };
  const kept = <T extends AsyncDisposable>(one: T): T => {
    opened.push(one);
    return one;
  };
  try {
    const postgres = kept(await startTestPostgres());
    const redis = kept(await startRedis());
    const databaseUrl = await postgres.createDatabase();
    const env = { REDIS_URL: redis.url, DATABASE_URL: databaseUrl, LANPORT_LEDGER_KEY: LEDGER_KEY };
    const whole = (one: Config): Config => ({
      ...one,
      general_settings: { master_key: MASTER_KEY, ...(one['general_settings'] as Config | undefined) },
    });
    const started = await Promise.allSettled(
      Array.from({ length: count }, () => startGateway({ config: whole(config), env })),
    );
    for (const one of started) if (one.status === 'fulfilled') kept(one.value);
    const gateways = started.map((one) => {
      if (one.status === 'rejected') throw one.reason;
      return one.value;
    });
    for (const gateway of gateways) await serversSettled(gateway);
    const balancer = kept(await startBalancer(() => gateways.map(({ url }) => url)));
    return {
      gateways,
      balancer,
      postgres,
      redis,
      databaseUrl,
      env,
      configure: async (next) => {
        for (const { folder } of gateways)
          await writeFile(join(folder, 'config.yaml'), JSON.stringify(whole(next), null, 2));
      },
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
