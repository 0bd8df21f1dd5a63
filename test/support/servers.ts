import type { TestGateway } from './gateway.ts';
import { http } from './http.ts';

const SETTLE_MS = 90_000;
const POLL_MS = 100;

/** A server as the operator's API shows it. */
export interface ServerState {
  readonly name: string;
  readonly state: string;
  readonly reason?: string;
  readonly pid?: number;
}

export async function serverStates(gateway: TestGateway): Promise<readonly ServerState[]> {
  const answer = await http(`${gateway.url}/v1/mcp/server`, {
    headers: { authorization: `Bearer ${gateway.key}` },
  });
  return answer.json<ServerState[]>();
}

/** Waits until no server is starting for the first time any more; their states. */
export async function serversSettled(gateway: TestGateway): Promise<readonly ServerState[]> {
  const giveUpAt = performance.now() + SETTLE_MS;
  for (;;) {
    const states = await serverStates(gateway);
    if (states.every(({ state }) => state !== 'starting')) return states;
    if (performance.now() > giveUpAt)
      throw new Error(`servers were still starting: ${JSON.stringify(states)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
