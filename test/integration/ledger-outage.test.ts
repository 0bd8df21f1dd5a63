import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { MASTER_KEY, startGateway } from '../support/gateway.ts';
import { http, rpc } from '../support/http.ts';
import { lanport } from '../support/lanport.ts';
import { startTestPostgres } from '../support/postgres.ts';
import { ROOT } from '../support/process.ts';
import { verifies } from '../support/verifies.ts';

/** How long the database is away; longer on demand: `LANPORT_OUTAGE_S=120 npx vitest run test/integration/ledger-outage.test.ts`. */
const OUTAGE_MS = Number(process.env['LANPORT_OUTAGE_S'] ?? 4) * 1_000;
const CALLERS = 8;
/**
 * What the process may hold at most in the second half of the outage beyond what it held at most in the first, while nothing leaves it but to the
 * disk: what a collector leaves lying about goes up and down by that.
 */
const GROWTH_MIB_MAX = 96;
const SAMPLES = 40;

function memoryMib(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

it(
  'a database that goes away under load costs no call, no memory and no record',
  async () => {
    verifies('ledger:A3');
    await using postgres = await startTestPostgres();
    const url = await postgres.createDatabase();
    const name = new URL(url).pathname.slice(1);
    const server = { command: process.execPath, args: [join(ROOT, 'test/support/upstreams/stdio-2024.ts')] };
    await using gateway = await startGateway({
      config: {
        general_settings: { master_key: MASTER_KEY, database_url: url },
        mcp_servers: { one: server },
      },
    });
    const headers = { authorization: `Bearer ${MASTER_KEY}` };
    const ledger = async (): Promise<{
      stored: number;
      begun: number;
      ended: number;
      storeFailures: number;
    }> =>
      (await http(`${gateway.url}/health`, { headers })).json<{
        ledger: Awaited<ReturnType<typeof ledger>>;
      }>().ledger;
    const answered = new Set<string>();
    const refused: unknown[] = [];
    const over = new AbortController();
    const callOn = async (caller: number): Promise<void> => {
      for (let at = 0; !over.signal.aborted; at++) {
        const text = `call ${caller} ${at}`;
        const request = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: text } };
        const answer = await rpc(`${gateway.url}/mcp`, MASTER_KEY, request);
        if (answer.status === 200) answered.add(text);
        else refused.push(answer.status);
      }
    };
    const load = Promise.all(Array.from({ length: CALLERS }, (_, caller) => callOn(caller)));
    // Until everything that is made on first use has been made.
    await expect.poll(() => answered.size, { timeout: 90_000 }).toBeGreaterThan(2_000);
    await postgres.query(postgres.url, `ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
    await postgres.query(
      postgres.url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
    );
    const before = answered.size;
    const heldMib: number[] = [];
    for (let sample = 0; sample < SAMPLES; sample++) {
      // It is the length of the outage that is tested.
      await delay(OUTAGE_MS / SAMPLES);
      heldMib.push(memoryMib(gateway.pid));
    }
    const grownMib = Math.max(...heldMib.slice(SAMPLES / 2)) - Math.max(...heldMib.slice(0, SAMPLES / 2));
    expect((await ledger()).storeFailures).toBeGreaterThan(0);
    expect(answered.size).toBeGreaterThan(before);
    await postgres.query(postgres.url, `ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
    over.abort();
    await load;
    expect(refused).toEqual([]);
    expect(grownMib).toBeLessThan(GROWTH_MIB_MAX);
    await expect
      .poll(async () => (await ledger()).stored, { timeout: 60_000 + OUTAGE_MS })
      .toBe(answered.size * 2);
    const rows = await postgres.query(
      url,
      'SELECT tool_name, status, seq::int FROM ledger_calls ORDER BY seq',
    );
    expect(rows).toHaveLength(answered.size);
    expect(new Set(rows.map((row) => row['tool_name']))).toEqual(answered);
    expect(rows.filter((row) => row['status'] === null)).toEqual([]);
    // Each caller's calls are in the order in which it made them.
    for (let caller = 0; caller < CALLERS; caller++) {
      const own = rows.filter((row) => String(row['tool_name']).startsWith(`call ${caller} `));
      expect(own.map((row) => row['tool_name'])).toEqual(own.map((_, at) => `call ${caller} ${at}`));
    }
    const where = ['--config', join(gateway.folder, 'config.yaml'), '--data', join(gateway.folder, 'data')];
    const checked = await lanport(['ledger', 'verify', ...where]);
    expect(checked.stdout).toContain('nothing is wrong.');
    expect(checked.code).toBe(0);
  },
  180_000 + 3 * OUTAGE_MS,
);
