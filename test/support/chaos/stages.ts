import type { TestGateway } from '../gateway.ts';
import { http } from '../http.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { Worker } from './load.ts';
import type { ChaosServer, Pause } from './servers.ts';
import type { Outage } from './verdict.ts';

const CHAOS_MS = 40_000;
const PAUSE_MS = 120;
const FAULT_EVERY_MS = 350;
const LOAD_REQUESTS = 40;
const LOAD_PAUSE_MS = 15;
/** Servers need some seconds to come back, and a busy machine lets a call time out now and then. */
const SERVED_MS = 60_000;
const POLL_MS = 250;

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Every client is served by every server before anything is broken; the names of the tools that there are. */
export async function calm(
  workers: readonly Worker[],
  servers: readonly ChaosServer[],
  gateway: TestGateway,
): Promise<string[]> {
  const failed = await everyoneServed(workers, servers);
  if (failed.length > 0)
    throw new Error(`calls failed before anything was broken:\n${failed.slice(0, 5).join('\n')}`);
  const { tools } = (
    await http(`${gateway.url}/v1/mcp/tools`, { headers: { authorization: `Bearer ${gateway.key}` } })
  ).json<{ tools: { name: string }[] }>();
  return tools.map(({ name }) => name);
}

/** Breaks servers at random under the load of all clients, and ends the gateway twice. */
export async function chaos(
  gateway: TestGateway,
  workers: readonly Worker[],
  servers: readonly ChaosServer[],
  random: SeededRandom,
): Promise<{ outages: Outage[]; faults: Record<string, number> }> {
  const stop = new AbortController();
  const pause: Pause = (ms) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      stop.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  const faults: Record<string, number> = {};
  const outages: Outage[] = [];
  const breaking = (async () => {
    const open = new Set<Promise<void>>();
    while (!stop.signal.aborted) {
      const server = random.pick(servers);
      const fault = random.pick(Object.keys(server.faults));
      faults[fault] = (faults[fault] ?? 0) + 1;
      const done = server.faults[fault]!(pause).finally(() => open.delete(done));
      open.add(done);
      await pause(random.next() * 2 * FAULT_EVERY_MS);
    }
    await Promise.all(open);
  })();
  const working = workers.map((worker) => worker.runUntil(stop.signal, PAUSE_MS));
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await pause(CHAOS_MS / 3);
    const began = performance.now();
    if (signal === 'SIGTERM') await gateway.stop();
    else await gateway.kill();
    await gateway.restart();
    outages.push({ signal, from: began, to: performance.now() });
    for (const worker of workers) worker.giveUp();
  }
  await pause(CHAOS_MS / 3);
  stop.abort();
  await Promise.all([breaking, ...working]);
  return { outages, faults };
}

/** The same load each time: every server is killed once, and every client sends its requests. */
export async function load(workers: readonly Worker[], servers: readonly ChaosServer[]): Promise<void> {
  await Promise.all([
    ...servers.map((server) => server.faults['kill']!(sleep)),
    ...workers.map((worker) => worker.run(LOAD_REQUESTS, LOAD_PAUSE_MS)),
  ]);
}

/** Lets each client call each server until that has succeeded once; what has not in time. What fails meanwhile is judged like every other call. */
export async function everyoneServed(
  workers: readonly Worker[],
  servers: readonly ChaosServer[],
): Promise<string[]> {
  const giveUpAt = performance.now() + SERVED_MS;
  const served = async (worker: Worker, server: ChaosServer): Promise<string[]> => {
    for (;;) {
      const outcome = await worker.callOnce(server);
      if (outcome.kind === 'result' && !outcome.isError) return [];
      if (performance.now() > giveUpAt)
        return [`${worker.kind} to ${server.name}: ${JSON.stringify(outcome)}`];
      await sleep(POLL_MS);
    }
  };
  // One after the other, as a client works; all clients at once.
  const failed = await Promise.all(
    workers.map(async (worker) => {
      const mine: string[] = [];
      for (const server of servers) mine.push(...(await served(worker, server)));
      return mine;
    }),
  );
  return failed.flat();
}
