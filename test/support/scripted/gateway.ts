import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../gateway.ts';
import type { Json } from './scripted-server.ts';

/** Two people who share the gateway. */
export const ANNA = 'sk-test-anna-0123456789abcdef';
export const BEN = 'sk-test-ben-0123456789abcdef';

/** Starts a gateway of these servers, with a key for Anna and one for Ben, and waits until it has read what each of them offers. */
export async function gatewayFor(
  servers: Readonly<Record<string, { readonly entry: Json }>>,
  entries: Readonly<Record<string, Json>> = {},
): Promise<TestGateway> {
  const names = Object.keys(servers);
  const key = (api_key: string, key_alias: string) => ({ api_key, key_alias, mcp_servers: names });
  const gateway = await startGateway({
    config: configWith(
      Object.fromEntries(names.map((name) => [name, { ...servers[name]!.entry, ...entries[name] }])),
      {
        // The states of servers are told at this level.
        general_settings: { master_key: MASTER_KEY, disable_database: true, log_level: 'debug' },
        virtual_keys: [key(ANNA, 'anna'), key(BEN, 'ben')],
      },
    ),
  });
  try {
    for (const name of names) await ready(gateway, name);
  } catch (error) {
    await gateway[Symbol.asyncDispose]();
    throw error;
  }
  return gateway;
}

/** Resolves when a server has been read. */
export async function ready(gateway: TestGateway, name: string): Promise<void> {
  await gateway.logged(
    (line) => line.message === 'server state' && line['server'] === name && line['state'] === 'ready',
  );
}
