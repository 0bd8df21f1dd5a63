import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Started, startProcess, UNDER_TEST } from './processes.ts';

export const KEY = 'sk-bench-0123456789abcdef';

/** What each request to the gateway, and for a fair comparison to anything else, carries. */
export const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  authorization: `Bearer ${KEY}`,
};

export interface BenchGateway {
  /** A folder for its configuration and data; no other gateway may use it. */
  readonly folder: string;
  readonly servers: Readonly<Record<string, unknown>>;
  readonly models?: readonly unknown[];
  readonly general?: Readonly<Record<string, unknown>>;
  readonly limits?: Readonly<Record<string, unknown>>;
  /** For Node.js itself. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Runs wherever the system puts it, and not on the processor under test. */
  readonly isFree?: boolean;
}

/** Limits that are counted and never reached. */
const LIMITS = { rpm_limit: 1_000_000_000, max_parallel_requests: 1_000_000, max_budget: 1_000_000 };

/** Starts Lanport with a virtual key that may use all the servers and models, within limits. */
export async function startGateway(options: BenchGateway): Promise<Started> {
  const {
    folder,
    servers,
    models = [],
    general = {},
    limits = {},
    flags = [],
    env = {},
    isFree = false,
  } = options;
  const config = join(folder, 'config.yaml');
  await writeFile(
    config,
    JSON.stringify({
      general_settings: { master_key: 'sk-bench-master-0123456789', ...general },
      virtual_keys: [{ api_key: KEY, mcp_servers: Object.keys(servers), models: ['*'], ...LIMITS }],
      mcp_servers: servers,
      model_list: models,
      limits,
    }),
  );
  const main = join(import.meta.dirname, '..', 'src/main.ts');
  return startProcess(
    isFree ? undefined : UNDER_TEST,
    [...flags, main, 'serve', '--config', config, '--port', '0', '--data', join(folder, 'data')],
    (line) =>
      line.includes('"message":"ready"')
        ? Number(new URL((JSON.parse(line) as { url: string }).url).port)
        : undefined,
    env,
  );
}
