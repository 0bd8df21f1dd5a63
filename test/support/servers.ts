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
export function serversSettled(gateway: TestGateway): Promise<readonly ServerState[]> {
  return statesWhen(gateway, (states) => states.every(({ state }) => state !== 'starting'));
}

/** Waits until that one is ready, whatever the others are. */
export async function serverReady(gateway: TestGateway, wanted: string): Promise<void> {
  await statesWhen(gateway, (states) =>
    states.some(({ name, state }) => name === wanted && state === 'ready'),
  );
}

async function statesWhen(
  gateway: TestGateway,
  isSo: (states: readonly ServerState[]) => boolean,
): Promise<readonly ServerState[]> {
  const giveUpAt = performance.now() + SETTLE_MS;
  for (;;) {
    const states = await serverStates(gateway);
    if (isSo(states)) return states;
    if (performance.now() > giveUpAt)
      throw new Error(`servers were still starting: ${JSON.stringify(states)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
