import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chaosServers, type Evidence, runChaos } from '../support/chaos/run.ts';
import type { ChaosServer } from '../support/chaos/servers.ts';
import {
  ledgerDisagreements,
  shrunkLists,
  unexplainedFailures,
  wrongAnswers,
  wrongEffects,
} from '../support/chaos/verdict.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';

const seed = Number(process.env['CHAOS_SEED'] ?? 20_261_121);
/** The run itself takes about 75 s on an idle machine. */
const RUN_MS = 300_000;
/** Memory after the second of two equal loads, against the first. A leak of one call's data would show as far more. */
const GROWTH_MAX = 1.3;
const GROWTH_BYTES = 16 * 1024 ** 2;
/** Sockets and timers more than before that are no leak: a connection that is just being kept, a clock that is just running. */
const SLACK = 4;
/** A failure shows this many examples. */
const SHOWN = 10;

let folder: string;
let postgres: TestPostgres;
let servers: ChaosServer[] = [];
let run: Evidence;

describe(`12 servers that are broken in every way under 40 clients, with two restarts of the gateway (CHAOS_SEED=${seed})`, () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lanport-chaos-'));
    postgres = await startTestPostgres();
    servers = await chaosServers(folder, postgres, seed);
    run = await runChaos(servers, folder, seed);
  }, RUN_MS);

  afterAll(async () => {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    await postgres?.[Symbol.asyncDispose]();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  /** As many as a failure shows, and how many there are. */
  const few = (found: readonly string[]): readonly string[] =>
    found.length <= SHOWN ? found : [...found.slice(0, SHOWN), `and ${found.length - SHOWN} more`];

  it('has really happened: every fault, both restarts, thousands of calls of which most were answered', () => {
    for (const fault of ['kill', 'hang', 'slow', 'garbage', 'revision', 'forget'])
      expect(run.faults[fault] ?? 0, fault).toBeGreaterThan(0);
    expect(run.outages.map(({ signal }) => signal)).toEqual(['SIGTERM', 'SIGKILL']);
    expect(run.endedAlone).toEqual([]);
    const good = run.calls.filter(({ outcome }) => outcome.kind === 'result' && !outcome.isError);
    expect(good.length).toBeGreaterThan(3_000);
    expect(run.calls.length - good.length).toBeGreaterThan(10);
    expect(run.lists.length, JSON.stringify(run.stages)).toBeGreaterThan(100);
  });

  it('gives no call the answer of another, and no call the progress of another', () => {
    expect(few(wrongAnswers(run.calls))).toEqual([]);
    expect(few(run.misplaced)).toEqual([]);
  });

  it('fails calls only with documented errors that say what is wrong with a server, or with the gateway itself gone', () => {
    expect(few(unexplainedFailures(run.calls, run.lists, run.outages))).toEqual([]);
  });

  it('repeats no call that may take effect once, and answers none that took none', () => {
    expect(few(wrongEffects(run.calls, run.effects))).toEqual([]);
  });

  it('never takes a tool out of the list', () => {
    expect(run.tools.length).toBeGreaterThan(80);
    expect(few(shrunkLists(run.lists, run.tools))).toEqual([]);
  });

  it('serves every client from every server once they are whole again', () => {
    expect(few(run.notHealed)).toEqual([]);
  });

  it('writes a ledger that agrees with the clients call by call', () => {
    expect(few(ledgerDisagreements(run.calls, run.ledger, run.outages))).toEqual([]);
  });

  it('holds no more memory after the second of two equal loads than after the first', () => {
    const [first, second] = run.loads;
    expect(second!.liveBytes).toBeLessThan(first!.liveBytes * GROWTH_MAX + GROWTH_BYTES);
    expect(second!.residentBytes).toBeLessThan(first!.residentBytes * GROWTH_MAX + GROWTH_BYTES);
  });

  it('goes back to the sockets and timers that it had before the first client came', () => {
    const { before, after } = run.idle;
    expect(after.sockets, JSON.stringify(run.idle)).toBeLessThanOrEqual(before.sockets + SLACK);
    const grown = Object.entries(after.resources).filter(
      ([kind, count]) => count > (before.resources[kind] ?? 0) + SLACK,
    );
    expect(grown, JSON.stringify(run.idle)).toEqual([]);
  });

  it('stops when it is told to, and leaves no process behind', () => {
    expect(run.exitCode).toBe(0);
    expect(run.leftovers).toEqual([]);
  });
});
