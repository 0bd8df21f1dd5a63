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
const HEAL_MS = 20_000;
const HEAL_POLL_MS = 250;

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Every client is served by every server before anything is broken; the names of the tools that there are. */
export async function calm(
  workers: readonly Worker[],
  servers: readonly ChaosServer[],
  gateway: TestGateway,
): Promise<string[]> {
  const failed = await everyoneCallsEverything(workers, servers);
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

/** Waits until every server serves again, then lets every client call every server; the calls that failed then. */
export async function heal(workers: readonly Worker[], servers: readonly ChaosServer[]): Promise<string[]> {
  const giveUpAt = performance.now() + HEAL_MS;
  const stillDown = await Promise.all(
    servers.map(async (server) => {
      for (;;) {
        const outcome = await workers[0]!.callOnce(server);
        if (outcome.kind === 'result' && !outcome.isError) return [];
        if (performance.now() > giveUpAt)
          return [`${server.name} never came back: ${JSON.stringify(outcome)}`];
        await sleep(HEAL_POLL_MS);
      }
    }),
  );
  return [...stillDown.flat(), ...(await everyoneCallsEverything(workers, servers))];
}

/** The same load each time: every server is killed once, and every client sends its requests. */
export async function load(workers: readonly Worker[], servers: readonly ChaosServer[]): Promise<void> {
  await Promise.all([
    ...servers.map((server) => server.faults['kill']!(sleep)),
    ...workers.map((worker) => worker.run(LOAD_REQUESTS, LOAD_PAUSE_MS)),
  ]);
}

async function everyoneCallsEverything(
  workers: readonly Worker[],
  servers: readonly ChaosServer[],
): Promise<string[]> {
  const failed: string[] = [];
  for (const server of servers) {
    const outcomes = await Promise.all(
      workers.map(async (worker) => ({ worker, outcome: await worker.callOnce(server) })),
    );
    for (const { worker, outcome } of outcomes)
      if (outcome.kind !== 'result' || outcome.isError)
        failed.push(`${worker.kind} to ${server.name}: ${JSON.stringify(outcome)}`);
  }
  return failed;
}
