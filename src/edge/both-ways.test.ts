import { afterEach, describe, expect, it } from 'vitest';
import { type EdgeServer, gate, post, startEdge, type Way } from '../../test/support/edge-server.ts';
import { verifies } from '../../test/support/verifies.ts';
import type { Bounds } from '../core/bounds.ts';
import { GatewayError } from '../core/errors.ts';
import type { EventStream, Exchange } from '../gateway/exchange.ts';

const MIB = 1024 * 1024;
const STREAMED = 'Accept: application/json, text/event-stream';
const ANSWER = Buffer.from('{"answer":1}');

const servers: EdgeServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
});

async function start(
  handle: (exchange: Exchange) => Promise<void> | void,
  bounds?: Partial<Bounds>,
  before?: (exchange: Exchange) => Promise<void>,
) {
  const server = await startEdge(handle, bounds, undefined, before);
  servers.push(server);
  return server;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const fieldOf = (head: string, name: string): string | undefined =>
  new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1];

/** Says something again and again until the reader's buffers are full. */
async function fill(say: () => boolean): Promise<void> {
  for (let refused = 0; refused < 20; await turn()) refused = say() ? 0 : refused + 1;
}

describe.each<Way>(['lane', 'general'])('the way of the %s:', (way) => {
  describe('an event before the answer', () => {
    it('begins a stream, with the headers of the session, whose last event is the answer', async () => {
      verifies('edge:both-ways');
      const said: boolean[] = [];
      const server = await start(async (exchange) => {
        await exchange.body();
        exchange.mayStream({ 'mcp-session-id': 'abc' });
        said.push(exchange.event(Buffer.alloc(0), 'o-1-0'));
        said.push(exchange.event(Buffer.from('{"a":\n1}'), 'o-1-1'), exchange.event(json({ b: 2 })));
        exchange.send(200, { 'mcp-session-id': 'abc' }, ANSWER, 'o-1-9');
        said.push(exchange.event(json({ late: true })));
        exchange.send(200, undefined, json({ twice: true }));
      });
      const client = server.connect();
      client.send(post(way, '{}', [STREAMED]) + post(way, '{}', [STREAMED]));
      for (let at = 0; at < 2; at++) {
        const { head, body } = await client.answer();
        expect(fieldOf(head, 'content-type')).toBe('text/event-stream');
        expect(fieldOf(head, 'mcp-session-id')).toBe('abc');
        expect(fieldOf(head, 'cache-control')).toBe('no-cache, no-transform');
        expect(fieldOf(head, 'x-accel-buffering')).toBe('no');
        expect(fieldOf(head, 'x-request-id')).toBe((await server.exchange(at)).requestId);
        expect(body).toBe(
          'id: o-1-0\ndata: \n\nevent: message\nid: o-1-1\ndata: {"a": 1}\n\nevent: message\ndata: {"b":2}\n\n' +
            'event: message\nid: o-1-9\ndata: {"answer":1}\n\n',
        );
        expect((await server.exchange(at)).bytesOut).toBe(ANSWER.length);
      }
      expect(said).toEqual([true, true, true, false, true, true, true, false]);
      expect(server.ways).toEqual([way, way]);
    });

    it('is not written to a client that does not ask for a stream, which gets its answer as JSON', async () => {
      verifies('edge:both-ways');
      const said: boolean[] = [];
      const server = await start((exchange) => {
        exchange.mayStream({ 'mcp-session-id': 'abc' });
        said.push(exchange.event(json({ a: 1 }), 'o-1-1'));
        exchange.send(200, { 'mcp-session-id': 'abc' }, ANSWER, 'o-1-9');
      });
      for (const fields of [[], ['Accept: application/json'], ['Accept: */*']]) {
        const client = server.connect();
        client.send(post(way, '{}', fields));
        const { head, body } = await client.answer();
        expect(fieldOf(head, 'content-type')).toBe('application/json');
        expect(fieldOf(head, 'mcp-session-id')).toBe('abc');
        expect(body).toBe(ANSWER.toString());
      }
      expect(said).toEqual([false, false, false]);
      expect(server.ways).toEqual([way, way, way]);
    });
  });

  describe('an answer that is slow to come', () => {
    it('becomes a stream with comments, which begins as the gateway wants it to', async () => {
      verifies('edge:both-ways');
      const go = gate();
      const server = await start(
        async (exchange) => {
          exchange.mayStream({ 'mcp-session-id': 'abc' }, () => {
            exchange.event(Buffer.alloc(0), 'o-1-0');
          });
          await go.opened;
          exchange.send(200, undefined, ANSWER, 'o-1-9');
        },
        { keepAliveMs: 40 },
      );
      const client = server.connect();
      client.send(post(way, '{}', [STREAMED]));
      const { head } = await client.until(({ body }) => body.split(': working\n\n').length > 3);
      expect(fieldOf(head, 'mcp-session-id')).toBe('abc');
      go.open();
      const { body } = await client.answer();
      expect(body).toMatch(
        /^id: o-1-0\ndata: \n\n(?:: working\n\n){3,}event: message\nid: o-1-9\ndata: \{"answer":1\}\n\n$/,
      );
    });

    it('is awaited in silence by a client that does not ask for a stream', async () => {
      verifies('edge:both-ways');
      const go = gate();
      const server = await start(
        async (exchange) => {
          exchange.mayStream();
          if (exchange.headers['accept'] === undefined) await go.opened;
          else await new Promise<void>((resolve) => exchange.onGone(resolve));
          exchange.send(200, undefined, ANSWER);
        },
        { keepAliveMs: 40 },
      );
      const [silent, witness] = [server.connect(), server.connect()];
      silent.send(post(way));
      await server.exchange(0);
      witness.send(post(way, '{}', [STREAMED]));
      await witness.until(({ body }) => body.split(': working').length > 4);
      expect(silent.bytes).toBe(0);
      go.open();
      expect(await silent.answer()).toMatchObject({ status: 200, body: ANSWER.toString() });
    });
  });

  describe('a stream that stays open', () => {
    const opening = (bounds?: Partial<Bounds>) => {
      const streams: EventStream[] = [];
      const ended: number[] = [];
      return {
        streams,
        ended,
        starting: start((exchange) => {
          const stream = exchange.openStream({ 'mcp-session-id': 'abc' }, 'answers');
          stream.onClose(() => ended.push(streams.indexOf(stream)));
          streams.push(stream);
        }, bounds),
      };
    };

    it('has the headers of the session, is kept alive by comments, and ends once, whoever ends it', async () => {
      verifies('edge:both-ways');
      const { streams, ended, starting } = opening({ keepAliveMs: 40 });
      const server = await starting;
      const client = server.connect();
      client.send(post(way, '{}', [STREAMED]) + post(way, '{}', [STREAMED]));
      const { head } = await client.until(({ body }) => body.split(': keep-alive\n\n').length > 2);
      expect(fieldOf(head, 'content-type')).toBe('text/event-stream');
      expect(fieldOf(head, 'mcp-session-id')).toBe('abc');
      expect(streams[0]!.send('tick', json({ a: 1 }), 'o-0-1')).toBe(true);
      streams[0]!.deliver(ANSWER, 'o-1-9');
      streams[0]!.close();
      expect(ended).toEqual([0]);
      expect(streams[0]!.send('tick', json({ late: true }))).toBe(false);
      streams[0]!.deliver(json({ late: true }));
      streams[0]!.comment('late');
      streams[0]!.close();
      streams[0]!.onClose(() => ended.push(-1));
      expect(ended).toEqual([0, -1]);
      const { body } = await client.answer();
      expect(body).toMatch(
        /^: open\n\n(?:: keep-alive\n\n)+event: tick\nid: o-0-1\ndata: \{"a":1\}\n\nevent: message\nid: o-1-9\ndata: \{"answer":1\}\n\n$/,
      );
      // The connection goes on to the next request.
      expect((await client.until(({ body: next }) => next.includes(': open'))).status).toBe(200);
      client.socket.destroy();
      while (ended.length < 3) await turn();
      expect(ended).toEqual([0, -1, 1]);
      expect(server.ways).toEqual([way, way]);
    });

    it('leaves events out for a slow reader, but no answer, and goes on when that reads again', async () => {
      verifies('edge:slow-readers', 'edge:both-ways');
      const { streams, starting } = opening();
      const server = await starting;
      const client = server.connect();
      client.send(post(way, '{}', [STREAMED]));
      await server.exchange(0);
      client.socket.pause();
      const [stream] = streams;
      let sent = 0;
      await fill(() => {
        const isSent = stream!.send('tick', Buffer.alloc(64 * 1024, 0x61));
        if (isSent) sent++;
        return isSent;
      });
      stream!.comment('left out');
      stream!.deliver(ANSWER);
      client.socket.resume();
      while (!stream!.send('tick', json({ again: true }))) await turn();
      stream!.close();
      const { body } = await client.answer();
      expect(body.split('event: tick').length - 1).toBe(sent + 1);
      expect(body).not.toContain('left out');
      expect(body.endsWith('data: {"answer":1}\n\nevent: tick\ndata: {"again":true}\n\n')).toBe(true);
    });

    it('is cut when more than 64 MiB of answers wait for its reader', async () => {
      verifies('edge:slow-readers', 'edge:both-ways');
      const { streams, ended, starting } = opening();
      const server = await starting;
      const client = server.connect();
      client.send(post(way, '{}', [STREAMED]));
      await server.exchange(0);
      client.socket.pause();
      const [stream] = streams;
      const answer = Buffer.alloc(8 * MIB, 0x61);
      // What the system's own buffers take does not wait here.
      await fill(() => stream!.send('tick', Buffer.alloc(64 * 1024, 0x61)));
      for (let at = 0; at < 8; at++) stream!.deliver(answer);
      for (let turns = 0; turns < 20; turns++) await turn();
      expect(ended).toEqual([]);
      stream!.deliver(answer);
      while (ended.length === 0) await turn();
      stream!.deliver(answer);
      expect(stream!.send('tick', json({}))).toBe(false);
      expect(ended).toEqual([0]);
      client.socket.resume();
      expect(await client.rest()).not.toMatch(/0\r\n\r\n$/);
    });

    it('that ends while its reader has stopped reading is over for us, and its reader gets what was said', async () => {
      verifies('edge:slow-readers', 'edge:both-ways');
      const { streams, ended, starting } = opening();
      const server = await starting;
      const client = server.connect();
      client.send(post(way, '{}', [STREAMED]));
      await server.exchange(0);
      client.socket.pause();
      await fill(() => streams[0]!.send('tick', Buffer.alloc(64 * 1024, 0x61)));
      streams[0]!.deliver(ANSWER);
      streams[0]!.close();
      expect(ended).toEqual([0]);
      streams[0]!.deliver(json({ late: true }));
      client.socket.resume();
      expect((await client.answer()).body.endsWith('data: {"answer":1}\n\n')).toBe(true);
    });
  });

  it('events before the answer are left out for a slow reader, and the answer is not', async () => {
    verifies('edge:slow-readers', 'edge:both-ways');
    const full = gate();
    const server = await start(async (exchange) => {
      exchange.mayStream();
      await fill(() => exchange.event(Buffer.alloc(64 * 1024, 0x61)));
      exchange.send(200, undefined, ANSWER, 'o-1-9');
      full.open();
    });
    const client = server.connect();
    client.socket.pause();
    client.send(post(way, '{}', [STREAMED]));
    await full.opened;
    client.socket.resume();
    const { body } = await client.answer();
    expect(body.endsWith('event: message\nid: o-1-9\ndata: {"answer":1}\n\n')).toBe(true);
  });

  describe('a client that goes away', () => {
    it.each(['ends the connection', 'breaks it', 'ends its side of it'])(
      'is noticed before the answer: it %s',
      async (how) => {
        verifies('edge:both-ways');
        const noticed = gate();
        const said: boolean[] = [];
        const server = await start(async (exchange) => {
          exchange.mayStream();
          await exchange.body();
          said.push(exchange.isGone, exchange.event(json({ a: 1 })));
          await new Promise<void>((resolve) => exchange.onGone(resolve));
          said.push(exchange.isGone, exchange.event(json({ b: 2 })));
          exchange.send(200, undefined, ANSWER);
          noticed.open();
        });
        const client = server.connect();
        client.send(post(way, '{}', [STREAMED]));
        await client.until(({ body }) => body.includes('"a"'));
        if (how === 'ends its side of it') client.socket.end();
        else if (how === 'breaks it') client.socket.resetAndDestroy();
        else client.socket.destroy();
        await noticed.opened;
        expect(said).toEqual([false, true, true, false]);
        expect(await client.rest()).not.toContain('answer');
      },
    );

    it('while its request still waited is not handled, and holds up nothing', async () => {
      verifies('edge:both-ways');
      const [asked, known] = [gate(), gate()];
      let gone: Promise<void> | undefined;
      let waiting: Exchange | undefined;
      let handled = 0;
      const server = await start(
        () => void handled++,
        undefined,
        (exchange) => {
          gone = new Promise((resolve) => exchange.onGone(resolve));
          waiting = exchange;
          asked.open();
          return known.opened;
        },
      );
      const client = server.connect();
      client.send(post(way, '{"n":1}'));
      await asked.opened;
      client.socket.destroy();
      await gone;
      known.open();
      await server.edge.drain(600_000);
      expect(handled).toBe(0);
      // Who asks for its body all the same is told something.
      const body = waiting!.body().then(String, (error: GatewayError) => error.code);
      expect(await body).toMatch(/^(?:body-cut|\{"n":1\})$/);
    });

    it('that waits until its request may be judged is answered, body and all', async () => {
      verifies('edge:both-ways');
      const [asked, known] = [gate(), gate()];
      const server = await start(
        async (exchange) => exchange.send(200, undefined, await exchange.body()),
        undefined,
        () => {
          asked.open();
          return known.opened;
        },
      );
      const client = server.connect();
      client.send(post(way, '{"n":1}'));
      await asked.opened;
      expect(server.ways).toEqual([]);
      known.open();
      expect((await client.answer()).body).toBe('{"n":1}');
      expect(server.ways).toEqual([way]);
    });

    it('is noticed also when it had sent more than one request', async () => {
      verifies('edge:both-ways');
      const [read, noticed] = [gate(), gate()];
      const server = await start(async (exchange) => {
        await exchange.body();
        read.open();
        await new Promise<void>((resolve) => exchange.onGone(resolve));
        noticed.open();
      });
      const client = server.connect();
      client.send(post(way, '{"n":1}') + post(way, '{"n":2}'));
      await read.opened;
      client.socket.destroy();
      await noticed.opened;
      expect((await server.exchange(0)).isGone).toBe(true);
    });

    it('after its answer is no client that has gone', async () => {
      let isLeft = false;
      const server = await start((exchange) => {
        exchange.onGone(() => {
          isLeft = true;
        });
        exchange.send(200, undefined, ANSWER);
      });
      const client = server.connect();
      client.send(post(way));
      await client.answer();
      client.socket.destroy();
      await client.rest();
      const exchange = await server.exchange(0);
      for (let turns = 0; turns < 20; turns++) await turn();
      expect([exchange.isGone, isLeft]).toEqual([false, false]);
    });
  });

  describe('a body', () => {
    const reading = (bounds?: Partial<Bounds>) =>
      start(async (exchange) => {
        const body = await exchange.body();
        exchange.send(200, undefined, json({ bytes: body.length }));
      }, bounds);

    it('up to the bound is taken, and a larger one is refused with words', async () => {
      verifies('edge:both-ways');
      const server = await reading({ bodyBytesMax: 1_000 });
      const client = server.connect();
      client.send(post(way, 'x'.repeat(1_000)));
      expect(await client.answer()).toMatchObject({ status: 200, body: '{"bytes":1000}' });
      client.send(post(way, 'x'.repeat(1_001)));
      const refused = await client.answer();
      expect(refused.status).toBe(413);
      expect(JSON.parse(refused.body)).toMatchObject({
        id: null,
        error: { message: 'The body is larger than 1000 bytes (limits.body_bytes_max).' },
      });
      client.send(post(way, 'x'));
      expect(await client.answer()).toMatchObject({ status: 200, body: '{"bytes":1}' });
    });

    it('of another type than JSON is refused, and the connection goes on', async () => {
      verifies('edge:both-ways');
      const server = await reading();
      const client = server.connect();
      client.send(post(way, 'a=b').replace('application/json', 'application/x-www-form-urlencoded'));
      expect(await client.answer()).toMatchObject({ status: 415 });
      for (const type of ['application/json; charset=utf-8', 'application/vnd.x+json', ''])
        client.send(post(way, '{}').replace('application/json', type));
      for (let at = 0; at < 3; at++) expect((await client.answer()).status).toBe(200);
      expect(server.ways).toEqual([way, way, way, way]);
    });

    /** Reads bodies, and tells why one could not be read. */
    const failing = async (bounds?: Partial<Bounds>) => {
      let told = (_why: unknown): void => undefined;
      const failed = new Promise<unknown>((resolve) => {
        told = resolve;
      });
      const server = await start((exchange) => exchange.body().then(() => undefined, told), bounds);
      return { server, failed };
    };

    it('that is cut is told to the gateway with how much of it came', async () => {
      verifies('edge:both-ways');
      const { server, failed } = await failing();
      const client = server.connect();
      client.send(post(way, '{"a":1}').slice(0, -3));
      await server.exchange(0);
      client.socket.end();
      expect(await failed).toBeInstanceOf(GatewayError);
      expect(await failed).toMatchObject({ code: 'body-cut', message: 'The body ended after 4 of 7 bytes.' });
    });

    it('that does not come in time ends the connection with 408', async () => {
      verifies('bounds:body', 'edge:both-ways');
      const { server, failed } = await failing({ bodyReadMs: 200 });
      const client = server.connect();
      client.send(post(way, '{"a":1}').slice(0, -3));
      expect(await client.rest()).toBe('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n');
      expect(await failed).toMatchObject({ code: 'body-cut' });
    });
  });

  it('an answer with a header that cannot be sent is an internal error, not silence', async () => {
    verifies('edge:both-ways');
    const server = await start((exchange) => {
      if (exchange.headers['x-open'] === undefined) exchange.send(200, { 'x-a': 'b\r\nx-c: d' }, ANSWER);
      else exchange.openStream({ 'x-a': 'b\r\nx-c: d' });
    });
    const client = server.connect();
    for (const fields of [[], ['X-Open: 1']]) {
      client.send(post(way, '{}', fields));
      const { status, head } = await client.answer();
      expect(status).toBe(500);
      expect(head).not.toContain('x-c');
    }
  });
});
