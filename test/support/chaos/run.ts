import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { configWith, startGateway, type TestGateway } from '../gateway.ts';
import { type LedgerEntry, ledgerRows } from '../ledger-rows.ts';
import { lastingPort } from '../ports.ts';
import type { TestPostgres } from '../postgres.ts';
import { seededRandom } from '../seeded-random.ts';
import { serversSettled } from '../servers.ts';
import { CHAOS_KINDS } from './clients.ts';
import { type Holdings, holdingsOf, settledHoldings } from './holdings.ts';
import { INSPECTOR_ENV } from './inspector.ts';
import { type Seen, Worker } from './load.ts';
import { descendantsOf, isRunning, type ProcessSeen } from './processes.ts';
import { type ChaosServer, connectorServer, httpServer, stdioServer } from './servers.ts';
import { calm, chaos, everyoneServed, load, sleep } from './stages.ts';
import type { Outage } from './verdict.ts';

/** What a run has shown. */
export interface Evidence extends Seen {
  readonly outages: readonly Outage[];
  /** How the gateway ended by itself, which it never should. */
  readonly endedAlone: readonly string[];
  /** How often each fault was done. */
  readonly faults: Readonly<Record<string, number>>;
  /** Names of the tools before anything went wrong. */
  readonly tools: readonly string[];
  readonly misplaced: readonly string[];
  /** Calls that failed to the last when everything was whole again. */
  readonly notHealed: readonly string[];
  readonly idle: { readonly before: Holdings; readonly after: Holdings };
  /** After each of two equal loads. */
  readonly loads: readonly Holdings[];
  readonly effects: readonly string[];
  readonly ledger: readonly LedgerEntry[];
  readonly exitCode: number | null;
  /** Processes that the gateway started, or that those did, and that outlived it. */
  readonly leftovers: readonly ProcessSeen[];
  /** How long each stage took, in milliseconds. */
  readonly stages: Readonly<Record<string, number>>;
}

const CLIENTS_PER_KIND = 8;
const WATCH_MS = 250;
const END_MS = 10_000;
/** Whatever takes longer hangs. */
const RUN_MS = 280_000;
const KEYS = ['ann', 'ben', 'cas', 'dan'].map((who) => `sk-chaos-${who}-0123456789abcdef`);
const STDIO = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', 'modern'];
const HTTP = ['2025-03-26', '2025-06-18', '2025-11-25', 'stateless', 'modern'];

/** Twelve servers of every kind that the gateway reaches, which can be broken. */
export async function chaosServers(
  folder: string,
  postgres: TestPostgres,
  seed: number,
): Promise<ChaosServer[]> {
  const effects = join(folder, 'effects');
  const random = seededRandom(seed);
  /** What it speaks at first, and what it may speak after a restart. */
  const stdio = (name: string, first: string) =>
    stdioServer(name, [first, ...STDIO], folder, effects, random);
  const http = (name: string, first: string) => httpServer(name, [first, ...HTTP], effects, random);
  return [
    stdio('stdio24', '2024-11-05'),
    stdio('stdio25a', '2025-06-18'),
    stdio('stdio25b', '2025-11-25'),
    stdio('stdio26a', 'modern'),
    stdio('stdio26b', 'modern'),
    await http('http25a', '2025-03-26'),
    await http('http25b', '2025-11-25'),
    await http('stateless', 'stateless'),
    await http('http26a', 'modern'),
    await http('http26b', 'modern'),
    await httpServer('sse', ['sse'], effects, random),
    await connectorServer('connector', postgres),
  ];
}

/** Runs the whole: calm, chaos, healing, two equal loads, rest, end. In bounded time: the error says which stage hangs. */
export async function runChaos(
  servers: readonly ChaosServer[],
  folder: string,
  seed: number,
): Promise<Evidence> {
  const stages: Record<string, number> = {};
  let current = 'start';
  const stage = async <T>(name: string, act: () => Promise<T>): Promise<T> => {
    current = name;
    const from = performance.now();
    const result = await act();
    stages[name] = Math.round(performance.now() - from);
    return result;
  };
  const gateway = await startGateway({
    config: configWith(Object.fromEntries(servers.map(({ name, entry }) => [name, entry])), {
      virtual_keys: KEYS.map((key) => ({ api_key: key, mcp_servers: ['*'] })),
    }),
    args: ['--port', String(await lastingPort())],
    env: INSPECTOR_ENV,
  });
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`"${current}" took too long; before it, in ms: ${JSON.stringify(stages)}`));
    }, RUN_MS);
  });
  try {
    return { ...(await Promise.race([runStages(gateway, servers, folder, seed, stage), deadline])), stages };
  } finally {
    clearTimeout(timer);
    await gateway[Symbol.asyncDispose]();
  }
}

async function runStages(
  gateway: TestGateway,
  servers: readonly ChaosServer[],
  folder: string,
  seed: number,
  stage: <T>(name: string, act: () => Promise<T>) => Promise<T>,
): Promise<Omit<Evidence, 'stages'>> {
  const started = new Map<string, ProcessSeen>();
  const watch = setInterval(() => {
    for (const seen of descendantsOf(gateway.pid)) started.set(`${seen.pid} ${seen.startedAt}`, seen);
  }, WATCH_MS);
  try {
    await stage('settle', () => serversSettled(gateway));
    const before = await holdingsOf(gateway);
    const seen: Seen = { calls: [], lists: [] };
    const kinds = CHAOS_KINDS.flatMap((kind) => Array.from({ length: CLIENTS_PER_KIND }, () => kind));
    const workers = kinds.map((kind, index) => {
      const key = KEYS[index % KEYS.length]!;
      return new Worker(kind, index + 1, key, () => gateway.url, servers, seededRandom(seed + index), seen);
    });
    const tools = await stage('calm', () => calm(workers, servers, gateway));
    const broken = await stage('chaos', () => chaos(gateway, workers, servers, seededRandom(seed)));
    const notHealed = await stage('heal', () => everyoneServed(workers, servers));
    const loads: Holdings[] = [];
    for (const name of ['first load', 'second load']) {
      await stage(name, () => load(workers, servers));
      loads.push(await holdingsOf(gateway));
    }
    const misplaced = workers.flatMap((worker) => worker.misplaced);
    await Promise.all(workers.map((worker) => worker.close()));
    const after = await stage('rest', () => settledHoldings(gateway, before.sockets));
    const ledger = await stage('ledger', () => ledgerRows(gateway));
    const exitCode = await stage('stop', () => gateway.stop());
    const effects = (await readFile(join(folder, 'effects'), 'utf8')).trimEnd().split('\n');
    const leftovers = await stage('end', () => stillRunning([...started.values()]));
    const idle = { before, after };
    return {
      ...seen,
      ...broken,
      tools,
      misplaced,
      notHealed,
      idle,
      loads,
      effects,
      ledger,
      exitCode,
      endedAlone: gateway.endedAlone,
      leftovers,
    };
  } finally {
    clearInterval(watch);
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
