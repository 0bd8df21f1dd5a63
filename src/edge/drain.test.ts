import { afterEach, describe, expect, it } from 'vitest';
import { type EdgeServer, gate, post, startEdge, type Way } from '../../test/support/edge-server.ts';
import { verifies } from '../../test/support/verifies.ts';
import type { Exchange } from '../gateway/exchange.ts';

const MIB = 1024 * 1024;
const STREAMED = 'Accept: application/json, text/event-stream';
const ANSWER = Buffer.from('{"answer":1}');

const servers: EdgeServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
});

async function start(handle: (exchange: Exchange) => Promise<void> | void): Promise<EdgeServer> {
  const server = await startEdge(handle);
  servers.push(server);
  return server;
}
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

describe.each<Way>(['lane', 'general'])('a gateway that stops, on the way of the %s,', (way) => {
  it('ends streams of news at once, and answers what is under way', async () => {
    verifies('bounds:drain', 'edge:both-ways');
    const go = gate();
    const server = await start(async (exchange) => {
      const kind = exchange.headers['x-kind'];
      if (kind === 'news') exchange.openStream();
      else {
        exchange.mayStream();
        if (kind === 'streamed') exchange.event(json({ begun: true }));
        await go.opened;
        exchange.send(200, undefined, ANSWER);
      }
    });
    const kinds = ['news', 'streamed', 'plain'];
    const clients = kinds.map(() => server.connect());
    const idle = server.connect();
    idle.send(post(way, '{}', ['X-Kind: news', STREAMED]));
    await server.exchange(0);
    for (const [at, kind] of kinds.entries())
      clients[at]!.send(post(way, '{}', [`X-Kind: ${kind}`, STREAMED]));
    await server.exchange(3);
    await clients[1]!.until(({ body }) => body.includes('begun'));
    const draining = server.edge.drain(60_000);
    const [news, streamed, plain] = clients;
    expect(await news!.rest()).toMatch(/0\r\n\r\n$/);
    expect(await idle.rest()).toMatch(/0\r\n\r\n$/);
    go.open();
    expect(await streamed!.rest()).toMatch(/"answer":1\}\n\n\r\n0\r\n\r\n$/);
    expect(await plain!.rest()).toMatch(/connection: close[^]*\{"answer":1\}$/i);
    await draining;
    expect(new Set(server.ways)).toEqual(new Set([way]));
  });

  it('lets a client read its answer to the end', async () => {
    verifies('bounds:drain', 'edge:both-ways');
    const answer = Buffer.alloc(24 * MIB, 0x61);
    const server = await start((exchange) => {
      if (exchange.headers['x-stream'] === undefined) exchange.send(200, undefined, answer);
      else exchange.openStream({}, 'answers').deliver(answer);
    });
    const [plain, streamed] = [server.connect(), server.connect()];
    for (const client of [plain, streamed]) client.socket.pause();
    plain.send(post(way));
    streamed.send(post(way, '{}', ['X-Stream: 1', STREAMED]));
    await server.exchange(1);
    const draining = server.edge.drain(60_000);
    // Nothing tells that a connection was left alone.
    await new Promise((resolve) => setTimeout(resolve, 400));
    for (const client of [plain, streamed]) client.socket.resume();
    expect((await plain.rest()).length).toBeGreaterThan(answer.length);
    expect(await streamed.rest()).toMatch(/aaaa\n\n\r\n0\r\n\r\n$/);
    await draining;
  });

  it('cuts what takes longer than it may', async () => {
    verifies('bounds:drain', 'edge:both-ways');
    const gone = gate();
    const server = await start(async (exchange) => {
      if (exchange.headers['x-large'] !== undefined) {
        exchange.send(200, undefined, Buffer.alloc(24 * MIB, 0x61));
        return;
      }
      await new Promise<void>((resolve) => exchange.onGone(resolve));
      gone.open();
    });
    const [waiting, reading] = [server.connect(), server.connect()];
    reading.socket.pause();
    waiting.send(post(way));
    reading.send(post(way, '{}', ['X-Large: 1']));
    await server.exchange(1);
    await server.edge.drain(100);
    await gone.opened;
    expect(await waiting.rest()).toBe('');
    reading.socket.resume();
    expect((await reading.rest()).length).toBeLessThan(24 * MIB);
  });
});
