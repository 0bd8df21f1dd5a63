import { startGateway, type TestGateway } from '../support/gateway.ts';

/**
 * Starts a gateway of these servers and waits until it has tried each of them, so that no run begins with a list that is not there yet.
 * The suite sends no key: a gateway without any key serves this machine.
 */
export async function gatewayOf(servers: Readonly<Record<string, unknown>>): Promise<TestGateway> {
  const gateway = await startGateway({
    config: {
      // The states of servers are told at this level.
      general_settings: { disable_database: true, log_level: 'debug' },
      mcp_servers: servers,
    },
  });
  try {
    for (const name of Object.keys(servers))
      await gateway.logged(
        (line) => line.message === 'server state' && line['server'] === name && line['state'] !== 'starting',
      );
  } catch (error) {
    await gateway[Symbol.asyncDispose]();
    throw error;
  }
  return gateway;
}
