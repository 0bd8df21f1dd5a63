import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { configWith, startGateway, type TestGateway } from '../gateway.ts';
import { http } from '../http.ts';
import { lastingPort } from '../ports.ts';
import type { TestPostgres } from '../postgres.ts';
import { seededRandom } from '../seeded-random.ts';
import { serversSettled } from '../servers.ts';
import { CHAOS_KINDS } from './clients.ts';
import { type Holdings, holdingsOf, settledHoldings } from './holdings.ts';
import { INSPECTOR_ENV } from './inspector.ts';
import { type Seen, Worker } from './load.ts';
import { descendantsOf, isRunning, type ProcessSeen } from './processes.ts';
import { type ChaosServer, connectorServer, httpServer, type Pause, stdioServer } from './servers.ts';
import type { LedgerEntry, Outage } from './verdict.ts';

/** What a run has shown. */
export interface Evidence extends Seen {
  readonly outages: readonly Outage[];
  /** How often each fault was done. */
  readonly faults: Readonly<Record<string, number>>;
  /** Names of the tools before anything went wrong. */
  readonly tools: readonly string[];
  readonly misplaced: readonly string[];
  /** Calls that failed when everything was whole again. */
  readonly notHealed: readonly string[];
  readonly idle: { readonly before: Holdings; readonly after: Holdings };
  /** After each of two equal loads. */
  readonly loads: readonly Holdings[];
  readonly effects: readonly string[];
  readonly ledger: readonly LedgerEntry[];
  readonly exitCode: number | null;
  /** Processes that the gateway started, or that those did, and that outlived it. */
  readonly leftovers: readonly ProcessSeen[];
}

const CLIENTS_PER_KIND = 8;
const CHAOS_MS = 40_000;
const PAUSE_MS = 120;
const FAULT_EVERY_MS = 350;
const LOAD_REQUESTS = 40;
const LOAD_PAUSE_MS = 15;
const WATCH_MS = 250;
const HEAL_MS = 45_000;
const END_MS = 10_000;
const KEYS = ['ann', 'ben', 'cas', 'dan'].map((who) => `sk-chaos-${who}-0123456789abcdef`);
const LEGACY = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'];
const STDIO = [...LEGACY, 'modern'];
const HTTP = ['2025-03-26', '2025-06-18', '2025-11-25', 'stateless', 'modern'];
/** What a server speaks at first, then what it may speak after a restart. */
const from = (first: string, others: readonly string[]): string[] => [first, ...others];

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Twelve servers of every kind that the gateway reaches, which can be broken. */
export async function chaosServers(
  folder: string,
  postgres: TestPostgres,
  seed: number,
): Promise<ChaosServer[]> {
  const effects = join(folder, 'effects');
  const random = seededRandom(seed);
  const stdio = (name: string, first: string) =>
    stdioServer(name, from(first, STDIO), folder, effects, random);
  return [
    stdio('stdio24', '2024-11-05'),
    stdio('stdio25a', '2025-06-18'),
    stdio('stdio25b', '2025-11-25'),
    stdio('stdio26a', 'modern'),
    stdio('stdio26b', 'modern'),
    await httpServer('http25a', from('2025-03-26', HTTP), effects, random),
    await httpServer('http25b', from('2025-11-25', HTTP), effects, random),
    await httpServer('stateless', from('stateless', HTTP), effects, random),
    await httpServer('http26a', from('modern', HTTP), effects, random),
    await httpServer('http26b', from('modern', HTTP), effects, random),
    await httpServer('sse', ['sse'], effects, random),
    await connectorServer('connector', postgres),
  ];
}

/** Runs the whole: calm, chaos, healing, two equal loads, rest, end. */
export async function runChaos(
  servers: readonly ChaosServer[],
  folder: string,
  seed: number,
): Promise<Evidence> {
  const random = seededRandom(seed);
  const gateway = await startGateway({
    config: configWith(Object.fromEntries(servers.map(({ name, entry }) => [name, entry])), {
      virtual_keys: KEYS.map((key) => ({ api_key: key, mcp_servers: ['*'] })),
    }),
    args: ['--port', String(await lastingPort())],
    env: INSPECTOR_ENV,
  });
  const started = new Map<string, ProcessSeen>();
  const watch = setInterval(() => {
    for (const seen of descendantsOf(gateway.pid)) started.set(`${seen.pid} ${seen.startedAt}`, seen);
  }, WATCH_MS);
  try {
    await serversSettled(gateway);
    const before = await holdingsOf(gateway);
    const seen: Seen = { calls: [], lists: [] };
    const workers = CHAOS_KINDS.flatMap((kind) => Array.from({ length: CLIENTS_PER_KIND }, () => kind)).map(
      (kind, index) =>
        new Worker(
          kind,
          index + 1,
          KEYS[index % KEYS.length]!,
          () => gateway.url,
          servers,
          seededRandom(seed + index),
          seen,
        ),
    );
    const tools = await calm(workers, servers, gateway, seen);
    const { outages, faults } = await chaos(gateway, workers, servers, random);
    const notHealed = await heal(workers, servers);
    const loads: Holdings[] = [];
    for (let load = 0; load < 2; load++) {
      for (const server of servers) await server.faults['kill']!(sleep);
      await Promise.all(workers.map((worker) => worker.run(LOAD_REQUESTS, LOAD_PAUSE_MS)));
      loads.push(await holdingsOf(gateway));
    }
    await Promise.all(workers.map((worker) => worker.close()));
    const after = await settledHoldings(gateway, before.sockets);
    const ledger = await readLedger(gateway);
    const exitCode = await gateway.stop();
    clearInterval(watch);
    return {
      ...seen,
      outages,
      faults,
      tools,
      misplaced: workers.flatMap((worker) => worker.misplaced),
      notHealed,
      idle: { before, after },
      loads,
      effects: (await readFile(join(folder, 'effects'), 'utf8')).trimEnd().split('\n'),
      ledger,
      exitCode,
      leftovers: await stillRunning([...started.values()]),
    };
  } finally {
    clearInterval(watch);
    await gateway[Symbol.asyncDispose]();
  }
}

/** Every client is served by every server before anything is broken; the tools that there are, seen by a client. */
async function calm(
  workers: readonly Worker[],
  servers: readonly ChaosServer[],
  gateway: TestGateway,
  seen: Seen,
): Promise<string[]> {
  const failed = await everyoneCallsEverything(workers, servers);
  if (failed.length > 0)
    throw new Error(`calls failed before anything was broken:\n${failed.slice(0, 5).join('\n')}`);
  while (seen.lists.length === 0) await workers[0]!.step();
  await Promise.all(workers.map((worker) => worker.close()));
  const { tools } = (
    await http(`${gateway.url}/v1/mcp/tools`, { headers: { authorization: `Bearer ${gateway.key}` } })
  ).json<{ tools: { name: string }[] }>();
  return tools.map(({ name }) => name);
}

async function chaos(
  gateway: TestGateway,
  workers: readonly Worker[],
  servers: readonly ChaosServer[],
  random: ReturnType<typeof seededRandom>,
): Promise<Pick<Evidence, 'outages' | 'faults'>> {
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
async function heal(workers: readonly Worker[], servers: readonly ChaosServer[]): Promise<string[]> {
  const giveUpAt = performance.now() + HEAL_MS;
  const stillDown = await Promise.all(
    servers.map(async (server) => {
      for (;;) {
        const outcome = await workers[0]!.callOnce(server);
        if (outcome.kind === 'result' && !outcome.isError) return [];
        if (performance.now() > giveUpAt)
          return [`${server.name} never came back: ${JSON.stringify(outcome)}`];
        await sleep(WATCH_MS);
      }
    }),
  );
  return [...stillDown.flat(), ...(await everyoneCallsEverything(workers, servers))];
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

/** All rows, once every call has ended. */
async function readLedger(gateway: TestGateway): Promise<LedgerEntry[]> {
  const limit = 1_000;
  const giveUpAt = performance.now() + END_MS;
  for (;;) {
    const rows: LedgerEntry[] = [];
    for (
      let page: LedgerEntry[] | undefined;
      page === undefined || page.length === limit;
      rows.push(...page)
    ) {
      const before = rows.length === 0 ? '' : `&before=${rows.at(-1)!.id}`;
      const answer = await http(`${gateway.url}/spend/logs?limit=${limit}${before}`, {
        headers: { authorization: `Bearer ${gateway.key}` },
      });
      page = answer.json<LedgerEntry[]>();
    }
    if (rows.every(({ status }) => status !== undefined) || performance.now() > giveUpAt) return rows;
  }
}

/** Those that still run; a process that was told to end is given a moment. */
async function stillRunning(processes: readonly ProcessSeen[]): Promise<ProcessSeen[]> {
  const giveUpAt = performance.now() + END_MS;
  for (;;) {
    const running = processes.filter(isRunning);
    if (running.length === 0 || performance.now() > giveUpAt) return running;
    await sleep(WATCH_MS);
  }
}
