import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http } from '../support/http.ts';
import { lanport } from '../support/lanport.ts';
import { startTestPostgres } from '../support/postgres.ts';
import { verifies } from '../support/verifies.ts';

let gateway: TestGateway;

beforeAll(async () => {
  const postgres = await startTestPostgres();
  try {
    gateway = await startGateway({
      config: { general_settings: { master_key: MASTER_KEY } },
      env: { DATABASE_URL: await postgres.createDatabase() },
    });
    await http(`${gateway.url}/key/generate`, {
      method: 'POST',
      headers: { authorization: `Bearer ${MASTER_KEY}` },
      body: '{}',
    });
  } finally {
    await postgres[Symbol.asyncDispose]();
  }
}, 60_000);

afterAll(() => gateway?.[Symbol.asyncDispose]());

it.each([
  '/v1/ledger',
  '/v1/ledger/019355e4-7a6f-7b3f-8000-000000000000',
  '/key/list?return_full_object=true',
  '/spend/logs',
  '/global/spend/report?start_date=2026-11-01&end_date=2026-11-30',
  '/v1/backup',
])('GET %s says that the database does not answer, and when to come again', async (path) => {
  verifies('store:away-is-said');
  const { status, headers, text } = await http(`${gateway.url}${path}`, {
    headers: { authorization: `Bearer ${MASTER_KEY}` },
  });
  expect([status, headers['retry-after']]).toEqual([503, expect.any(String)]);
  expect(text).toContain('the database does not answer');
  expect(gateway.log.filter(({ message }) => message === 'a request broke')).toEqual([]);
});

it('commands say so, too', async () => {
  for (const args of [
    ['keys', 'list'],
    ['ledger', 'export'],
    ['backup', '-o', join(tmpdir(), `lanport-away-${process.pid}.tar.gz`)],
  ]) {
    const { code, stderr } = await lanport([...args, '--url', gateway.url, '--key', MASTER_KEY]);
    expect([code, stderr], args[0]).toEqual([
      1,
      expect.stringContaining('the database does not answer') as string,
    ]);
  }
}, 120_000);
