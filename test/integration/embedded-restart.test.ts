import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http } from '../support/http.ts';
import { ledgerRows } from '../support/ledger-rows.ts';
import { ask } from '../support/limited.ts';
import { verifies } from '../support/verifies.ts';

const readiness = async ({ url }: TestGateway): Promise<number> =>
  (await http(`${url}/health/readiness`)).status;

it('an embedded PostgreSQL that ends is started again; meanwhile calls are answered, and none is missing afterwards', async () => {
  verifies('run:database-restarts');
  await using gateway = await startGateway({
    config: {
      general_settings: { master_key: MASTER_KEY },
      model_list: [{ model_name: 'mock', litellm_params: { model: 'mock/any' } }],
    },
  });
  const file = join(gateway.folder, 'data', 'postgres', 'postmaster.pid');
  const call = async (): Promise<string> => {
    const answer = await ask(gateway.url, MASTER_KEY, 'mock');
    expect(answer.status).toBe(200);
    return String(answer.headers['x-request-id']);
  };
  const made = [await call()];
  for (let times = 1; times <= 2; times++) {
    process.kill(Number((await readFile(file, 'utf8')).split('\n')[0]), 'SIGKILL');
    await gateway.logged(
      ({ message }) => message === 'the embedded PostgreSQL has ended and is started again',
    );
    made.push(await call());
    await expect
      .poll(
        () =>
          gateway.log.filter(({ message }) => message === 'the embedded PostgreSQL runs again').length >=
          times,
        { timeout: 60_000 },
      )
      .toBe(true);
    await expect.poll(() => readiness(gateway), { timeout: 60_000 }).toBe(200);
    made.push(await call());
  }
  const rows = (await ledgerRows(gateway)).map(({ id }) => id);
  expect(made.filter((id) => rows.filter((row) => row === id).length !== 1)).toEqual([]);
  expect(await gateway.stop()).toBe(0);
}, 240_000);
