import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { createLedger } from '../../src/ledger/ledger.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { LedgerFileStore } from './ledger-file-store.ts';

const KILLS = 30;
const CHILD = fileURLToPath(new URL('./ledger-crash-child.ts', import.meta.url));

/** Runs the child until its output has `lines` lines after `from`, kills it, and returns the calls that it saw acknowledged. */
async function runAndKill(
  folder: string,
  writer: string,
  seed: number,
  from: string,
  lines: number,
): Promise<string[]> {
  const child = spawn(process.execPath, [CHILD, folder, writer, String(seed)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const errors: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  const acknowledged: string[] = [];
  let counting = false;
  let left = lines;
  const closed = once(child, 'close') as Promise<[number | null, string | null]>;
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith(writer)) acknowledged.push(line);
    counting ||= line === from;
    if (counting && left-- === 0) child.kill('SIGKILL');
  });
  const [code, signal] = await closed;
  if (signal !== 'SIGKILL')
    throw new Error(`the child ended by itself with ${code}: ${Buffer.concat(errors).toString()}`);
  return acknowledged;
}

it(`a ledger killed at ${KILLS} random moments has every call that it acknowledged, each with exactly one end`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ledger-crash-'));
  let seed = 20_261_121;
  const random = (max: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
    return (seed >> 8) % max;
  };
  const acknowledged: string[] = [];
  let unknown = 0;

  const check = async (round: number): Promise<void> => {
    const store = new LedgerFileStore(join(folder, 'store.jsonl'));
    const ledger = await createLedger({
      store,
      folder,
      writer: `check${round}`,
      clock: systemClock,
      log: silentLog,
    });
    await ledger.flush();
    await ledger[Symbol.asyncDispose]();
    expect(acknowledged.filter((id) => store.calls.get(id)?.writer === undefined)).toEqual([]);
    expect(
      [...store.calls]
        .filter(([, call]) => call.ends.length !== 1)
        .map(([id, call]) => `${id} ${JSON.stringify(call)}`),
    ).toEqual([]);
    expect((await readdir(join(folder, 'spool'))).filter((name) => name.endsWith('.jsonl'))).toEqual([]);
    unknown = [...store.calls.values()].filter((call) => call.ends[0]?.status === 'unknown').length;
  };

  for (let round = 0; round < KILLS; round++) {
    // Some die while they recover what the one before them left, the others at work.
    const [from, lines]: [string, number] = round % 5 === 4 ? ['started', 0] : ['ready', random(1_500)];
    acknowledged.push(...(await runAndKill(folder, `w${round}`, random(1_000_000), from, lines)));
    if (round % 3 === 2) await check(round);
  }
  await check(KILLS);
  expect(acknowledged.length).toBeGreaterThan(5_000);
  expect(unknown).toBeGreaterThan(0);
  await rm(folder, { recursive: true });
}, 240_000);
