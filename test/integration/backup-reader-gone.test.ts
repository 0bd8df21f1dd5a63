import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { expect, it } from 'vitest';
import { MASTER_KEY, startGateway } from '../support/gateway.ts';
import { http } from '../support/http.ts';
import { verifies } from '../support/verifies.ts';

const TRIES = 5;

it('a reader that goes away in the middle of a backup costs that backup, and nothing else', async () => {
  verifies('backup:reader-gone');
  await using gateway = await startGateway({
    config: {
      general_settings: { master_key: MASTER_KEY },
      model_list: [{ model_name: 'mocked', litellm_params: { model: 'mock/x', mock_response: 'Hello.' } }],
    },
  });
  const headers = { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' };
  // More than the buffers between database and reader hold, and nothing that gzip makes small.
  for (let at = 0; at < 8; at++) {
    const body = JSON.stringify({ model: 'mocked', input: randomBytes(3_000_000).toString('base64') });
    expect((await http(`${gateway.url}/v1/responses`, { method: 'POST', headers, body })).status).toBe(200);
  }
  for (let at = 1; at <= TRIES; at++) {
    const asked = request(`${gateway.url}/v1/backup`, { headers });
    asked.end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    let bytes = 0;
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > at * 2_000_000) break;
    }
    answer.destroy();
    await expect
      .poll(() => gateway.log.filter(({ message }) => message === 'a backup broke off').length, {
        timeout: 20_000,
      })
      .toBe(at);
    expect((await http(`${gateway.url}/health/liveliness`)).status).toBe(200);
  }
}, 90_000);
