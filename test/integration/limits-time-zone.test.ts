import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { ask, PRICED_MODEL, operateOn } from '../support/limited.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { verifies } from '../support/verifies.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let postgres: TestPostgres;
let gateway: TestGateway;
let general: object;
const config = (timezone: string) => ({
  general_settings: general,
  litellm_settings: { timezone },
  model_list: [PRICED_MODEL],
});

beforeAll(async () => {
  postgres = await startTestPostgres();
  general = { master_key: MASTER_KEY, database_url: await postgres.createDatabase() };
  gateway = await startGateway({ config: config('Pacific/Kiritimati'), args: ['--no-watch'] });
}, 90_000);
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
});

const operate = (path: string, body?: object): Promise<Record<string, unknown>> =>
  operateOn(gateway, path, body);

/** When the day ends that it is now, so many hours east of UTC, where clocks are never changed. */
const midnight = (hoursEast: number): string =>
  new Date(
    (Math.floor((Date.now() + hoursEast * HOUR_MS) / DAY_MS) + 1) * DAY_MS - hoursEast * HOUR_MS,
  ).toISOString();

test('budgets are renewed at midnight of the time zone, which a reload changes', async () => {
  verifies('limits:time-zone');
  const body = { key_alias: 'daily', models: ['priced'], max_budget: 0.3, budget_duration: '1d' };
  const resetAt = async (): Promise<unknown> =>
    ((await operate('/key/info?key=daily'))['info'] as Record<string, unknown>)['budget_reset_at'];
  const before = midnight(14);
  const key = String((await operate('/key/generate', body))['key']);
  const shown = await resetAt();
  expect([before, midnight(14)]).toContain(shown);

  expect((await ask(gateway.url, key, 'priced')).status).toBe(200);
  const spent = await ask(gateway.url, key, 'priced');
  expect(spent.status).toBe(400);
  const hours = Number(/renewed in (\d+) h/.exec(spent.text)?.[1]);
  const left = (Date.parse(String(shown)) - Date.now()) / HOUR_MS;
  expect([Math.ceil(left), Math.ceil(left) + 1]).toContain(hours);

  await writeFile(join(gateway.folder, 'config.yaml'), JSON.stringify(config('Etc/GMT+11')));
  expect(await operate('/config/reload', {})).toMatchObject({ settings: ['litellm_settings.timezone'] });
  const again = midnight(-11);
  const moved = await resetAt();
  expect([again, midnight(-11)]).toContain(moved);
  // What was spent just now was spent in this zone's day too.
  expect((await ask(gateway.url, key, 'priced')).status).toBe(400);
});
