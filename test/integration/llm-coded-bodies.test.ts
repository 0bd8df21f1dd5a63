import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http } from '../support/http.ts';
import { verifies } from '../support/verifies.ts';

const CODINGS = {
  br: brotliCompressSync,
  deflate: deflateSync,
  gzip: gzipSync,
  zstd: zstdCompressSync,
} as const;
const BODY_MAX = 1024 * 1024;
const HELLO = [{ role: 'user', content: 'hello' }];
/** By address: the body of a request for a word or two. */
const REQUESTS: Readonly<Record<string, object>> = {
  '/v1/chat/completions': { model: 'mock', messages: HELLO },
  '/v1/responses': { model: 'mock', input: 'hello' },
  '/v1/messages?beta=true': { model: 'mock', max_tokens: 10, messages: HELLO },
  '/v1beta/models/mock:generateContent': { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] },
};

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({
    config: configWith(
      {},
      {
        model_list: [
          { model_name: 'mock', litellm_params: { model: 'mock/any', mock_response: 'Good morning.' } },
        ],
        limits: { body_bytes_max: '1MiB' },
      },
    ),
  });
});

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

function post(path: string, coding: string, body: Buffer) {
  return http(gateway.url + path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${MASTER_KEY}`,
      'content-type': 'application/json',
      'content-encoding': coding,
    },
    body,
  });
}

describe.each(Object.keys(REQUESTS))('a request to %s', (path) => {
  const plain = Buffer.from(JSON.stringify(REQUESTS[path]));

  it.each(Object.entries(CODINGS))('is understood in %s', async (coding, encode) => {
    verifies('llm:coded-bodies');
    const answer = await post(path, coding, encode(plain));
    expect(answer.text).toContain('Good morning.');
    expect(answer.status).toBe(200);
  });

  it.each(Object.entries(CODINGS))('is refused when its %s is damaged or cut', async (coding, encode) => {
    verifies('llm:coded-bodies');
    const whole = encode(plain);
    for (const broken of [whole.subarray(0, -6), plain]) {
      const answer = await post(path, coding, broken);
      expect(answer.status).toBe(400);
      expect(answer.json()).toHaveProperty('error.message', expect.stringContaining(coding));
    }
  });

  it.each(Object.entries(CODINGS))(
    'is refused when it is too large without its %s',
    async (coding, encode) => {
      verifies('llm:coded-bodies');
      const bomb = encode(Buffer.alloc(8 * BODY_MAX, ' '));
      expect(bomb.length).toBeLessThan(BODY_MAX);
      expect((await post(path, coding, bomb)).status).toBe(413);
    },
  );

  it('is refused in a coding that is not known, with the name of it', async () => {
    verifies('llm:coded-bodies');
    const answer = await post(path, 'compress', plain);
    expect(answer.status).toBe(415);
    expect(answer.json()).toHaveProperty('error.message', expect.stringContaining('compress'));
  });
});
