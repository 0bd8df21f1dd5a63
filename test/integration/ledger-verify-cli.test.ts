import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, rpc } from '../support/http.ts';
import { lanport } from '../support/lanport.ts';
import { startTestPostgres } from '../support/postgres.ts';
import { verifies } from '../support/verifies.ts';

const call = (gateway: TestGateway): Promise<unknown> =>
  rpc(`${gateway.url}/mcp`, MASTER_KEY, {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'no such tool' },
  });

/** Until the records of every call that was answered are in the database. */
const settled = async (gateway: TestGateway, calls: number): Promise<void> => {
  const headers = { authorization: `Bearer ${MASTER_KEY}` };
  await expect
    .poll(
      async () =>
        (await http(`${gateway.url}/health`, { headers })).json<{ ledger: { stored: number } }>().ledger
          .stored,
    )
    .toBe(calls * 2);
};

it('lanport ledger verify reads the database of a gateway that runs, and of one that does not', async () => {
  verifies('ledger:A5');
  await using gateway = await startGateway({ config: { general_settings: { master_key: MASTER_KEY } } });
  const data = join(gateway.folder, 'data');
  for (let at = 0; at < 3; at++) await call(gateway);
  await settled(gateway, 3);
  const running = await lanport(['ledger', 'verify', '--data', data, '--json']);
  expect(running.stderr).toBe('');
  expect(running.code).toBe(0);
  expect(JSON.parse(running.stdout)).toMatchObject({
    records: 6,
    calls: 3,
    findings: [],
    withoutKey: [],
    withoutAnchor: [],
  });
  await gateway.stop();
  const stopped = await lanport(['ledger', 'verify', '--data', data]);
  expect(stopped.code).toBe(0);
  expect(stopped.stdout).toContain('6 records of 3 calls by 1 writers');
  expect(stopped.stdout).toContain('nothing is wrong.');
}, 60_000);

it('lanport ledger verify ends with 1 and names what it found, and with 5 when a key is not at hand', async () => {
  await using postgres = await startTestPostgres();
  const url = await postgres.createDatabase();
  await using gateway = await startGateway({
    config: { general_settings: { master_key: MASTER_KEY, database_url: url } },
    env: { LANPORT_LEDGER_KEY: 'a key that gateways share' },
  });
  for (let at = 0; at < 3; at++) await call(gateway);
  await settled(gateway, 3);
  const config = join(gateway.folder, 'config.yaml');
  const where = ['--config', config, '--data', join(gateway.folder, 'data')];
  const keyless = await lanport(['ledger', 'verify', ...where]);
  expect([keyless.code, keyless.stdout]).toEqual([
    5,
    expect.stringContaining('key is not at hand') as string,
  ]);
  const file = join(gateway.folder, 'key');
  await writeFile(file, 'a key that gateways share\n');
  expect((await lanport(['ledger', 'verify', ...where, '--key-file', file])).code).toBe(0);
  const rows = await postgres.query(
    url,
    'UPDATE ledger_calls SET address = $$elsewhere$$ WHERE seq = 3 RETURNING id::text',
  );
  const found = await lanport(['ledger', 'verify', ...where], {
    env: { LANPORT_LEDGER_KEY: 'a key that gateways share' },
  });
  expect(found.code).toBe(1);
  expect(found.stdout).toMatch(new RegExp(`changed .*${String(rows[0]?.['id'])}`));
  const stray = await lanport(['ledger', 'verify', ...where, '--ledger-folder', gateway.folder]);
  expect([stray.code, stray.stderr]).toEqual([
    2,
    expect.stringContaining('is not the ledger folder of a gateway') as string,
  ]);
  const nowhere = await lanport(['ledger', 'verify', '--data', join(gateway.folder, 'nothing')]);
  expect([nowhere.code, nowhere.stderr]).toEqual([
    2,
    expect.stringContaining('there is no database in') as string,
  ]);
}, 60_000);
