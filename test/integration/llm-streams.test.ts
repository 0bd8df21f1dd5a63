import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configWith, startGateway, type TestGateway } from '../support/gateway.ts';
import { http } from '../support/http.ts';
import { ledgerRows } from '../support/ledger-rows.ts';
import { type Dialect, DIALECTS } from '../support/llm/dialects.ts';
import { EVENTS, type ProviderReply, startProvider, type TestProvider } from '../support/llm/provider.ts';
import { verifies } from '../support/verifies.ts';

const CELLS = DIALECTS.flatMap((client) => DIALECTS.map((speaks) => [client.name, speaks.name] as const));
/** What the sockets and buffers between the provider and a client that reads nothing may hold. */
const HELD_BYTES_MAX = 24 * 1024 * 1024;
const STREAM_BYTES = 64 * 1024 * 1024;

let provider: TestProvider;
let gateway: TestGateway;

beforeAll(async () => {
  provider = await startProvider();
  gateway = await startGateway({
    config: configWith(
      {},
      {
        model_list: DIALECTS.map(({ name, model }) => ({
          model_name: name,
          litellm_params: { model, api_key: 'k', api_base: provider.url },
        })),
        limits: { keep_alive_ms: 200 },
      },
    ),
  });
});

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await provider?.[Symbol.asyncDispose]();
});

const dialect = (name: string): Dialect => DIALECTS.find((one) => one.name === name)!;

/** A stream that has begun; its reader decides how fast it is read. */
async function begin(client: Dialect, model: string): Promise<IncomingMessage> {
  const sent = request(`${gateway.url}${client.path(model, true)}`, {
    method: 'POST',
    agent: false,
    headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
  });
  sent.on('error', () => undefined);
  sent.end(JSON.stringify(client.request(model, true)));
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  return response;
}

describe.each(CELLS)('a client of %s, a provider of %s', (clientName, speaksName) => {
  const client = dialect(clientName);
  const speaks = dialect(speaksName);
  const { start, content, rest } = speaks.stream;

  test('that leaves ends the request to the provider, and what was used so far is in the ledger', async () => {
    provider.answer({ headers: EVENTS, body: [start + content], end: 'stall' });
    const known = new Set((await ledgerRows(gateway)).map(({ id }) => id));
    const response = await begin(client, speaks.name);
    await once(response, 'data');
    response.destroy();
    await provider.requests.at(-1)!.gone;
    const [row] = (await ledgerRows(gateway)).filter(({ id }) => !known.has(id));
    expect(row).toMatchObject({ status: 'cancelled', errorCode: 'client_gone' });
    // The others say what they used at their end.
    if (speaksName === 'messages' || speaksName === 'gemini') expect(row).toMatchObject({ promptTokens: 3 });
  });

  test('gets signs of life while the provider is silent', async () => {
    let heard: () => void = () => undefined;
    const isHeard = new Promise<void>((resolve) => (heard = resolve));
    provider.answer({ headers: EVENTS, body: [start + content, isHeard, rest] });
    const response = await begin(client, speaks.name);
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (piece: string) => {
      // The first piece may be the content in two.
      if (text.includes('Hello')) heard();
      text += piece;
    });
    await once(response, 'end');
    const seen = client.seen({ status: 200, headers: {}, text, json: () => JSON.parse(text) as never }, true);
    expect(seen).toEqual({ text: 'Hello world', isComplete: true, error: undefined });
  });
});

/** A long answer, and how many bytes of it the provider got rid of. */
function longAnswer(speaks: Dialect): { readonly reply: ProviderReply; readonly written: () => number } {
  const { start, content, rest } = speaks.stream;
  const more = LONG[speaks.name]!(content);
  let written = 0;
  function* body(): Generator<string> {
    yield start + content;
    for (; written < STREAM_BYTES; written += more.length) yield more;
    yield rest;
  }
  return { reply: { headers: EVENTS, body: body() }, written: () => written };
}

const LONG: Partial<Record<string, (content: string) => string>> = {
  chat: (content) => content.replace('Hello', 'x'.repeat(64 * 1024)),
  messages: (content) =>
    `event: content_block_delta${content.split('event: content_block_delta')[1]!.replace('Hello', 'x'.repeat(64 * 1024))}`,
};

describe('a client that reads slowly', () => {
  test.each([
    ['chat', 'chat'],
    ['chat', 'messages'],
    ['messages', 'chat'],
    ['messages', 'messages'],
  ])(
    'of %s holds a provider of %s back, and gets everything in the end',
    async (clientName, speaksName) => {
      const speaks = dialect(speaksName);
      verifies('llm:held-back');
      const { reply, written } = longAnswer(speaks);
      provider.answer(reply);
      const response = await begin(dialect(clientName), speaks.name);
      // As long as it takes for nothing more to move, while others are served.
      let before = -1;
      for (let calm = 0; calm < 5; calm = written() === before ? calm + 1 : 0) {
        before = written();
        for (let at = 0; at < 20; at++) await http(`${gateway.url}/health/liveliness`);
      }
      expect(before).toBeGreaterThan(0);
      expect(before).toBeLessThan(HELD_BYTES_MAX);
      let bytes = 0;
      let tail = '';
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        tail = (tail + chunk.toString('latin1')).slice(-2_000);
      });
      await once(response, 'end');
      expect(bytes).toBeGreaterThan(STREAM_BYTES * 0.95);
      expect(tail).toContain(' world');
      expect(tail).toMatch(/\[DONE\]|message_stop/);
    },
    60_000,
  );

  test('holds a compressed answer back, too', async () => {
    const { start, content, rest } = dialect('chat').stream;
    const event = content.replace('Hello', 'x'.repeat(1024 * 1024));
    // Few bytes on the wire, many behind it.
    const bomb = gzipSync(start + content + event.repeat(256) + rest);
    expect(bomb.length).toBeLessThan(1024 * 1024);
    provider.answer({ headers: { ...EVENTS, 'content-encoding': 'gzip' }, body: [bomb] });
    const rssBefore = await memory();
    const response = await begin(dialect('chat'), 'chat');
    let before = -1;
    for (let calm = 0; calm < 5; ) {
      for (let at = 0; at < 20; at++) await http(`${gateway.url}/health/liveliness`);
      const now = await memory();
      calm = Math.abs(now - before) < 2 ** 20 ? calm + 1 : 0;
      before = now;
    }
    expect(before - rssBefore).toBeLessThan(128 * 1024 * 1024);
    let bytes = 0;
    response.on('data', (chunk: Buffer) => (bytes += chunk.length));
    await once(response, 'end');
    expect(bytes).toBeGreaterThan(256 * 1024 * 1024);
  }, 120_000);
});

/** Bytes that the gateway's process holds. */
async function memory(): Promise<number> {
  const status = await readFile(`/proc/${gateway.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) * 1024;
}
