import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import {
  echo,
  type LaneServer,
  type LaneServerOptions,
  RawClient,
  startLaneServer,
  turn,
} from '../../../test/support/lane-server.ts';
import { GatewayError } from '../../core/errors.ts';
import type { EdgeExchange } from '../edge-exchange.ts';

const servers: LaneServer[] = [];
const clients: RawClient[] = [];

async function start(options: Partial<LaneServerOptions> = {}): Promise<LaneServer> {
  const server = await startLaneServer({ withLane: true, ...options });
  servers.push(server);
  return server;
}

function client(server: LaneServer): RawClient {
  const one = new RawClient(server);
  clients.push(one);
  return one;
}

afterEach(async () => {
  for (const one of clients.splice(0)) one.socket.destroy();
  for (const one of servers.splice(0)) await one[Symbol.asyncDispose]();
});

const post = (body = '{}', more = '', path = '/mcp'): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;

describe('a connection of the lane', () => {
  it('carries request after request, also after one that was refused', async () => {
    const server = await start({
      handle: async (exchange) => {
        const body = await exchange.body();
        if (body.includes('bad')) throw new GatewayError('json-parse', { reason: 'it is bad', offset: 0 });
        return echo(exchange);
      },
    });
    const one = client(server);
    for (const [body, status] of [
      ['{}', 200],
      ['bad', 400],
      ['{"longer":"than before"}', 200],
      ['', 200],
      [`{"a":"${'b'.repeat(300_000)}"}`, 200],
      ['{}', 200],
    ] as const) {
      one.send(post(body));
      const answer = await one.answer();
      expect(answer).toContain(`HTTP/1.1 ${status} `);
      if (status === 200) expect(answer).toContain(`"content-length":"${body.length}"`);
    }
    expect(server.sockets).toHaveLength(1);
    expect(server.ways).toEqual(Array.from({ length: 6 }, () => 'lane'));
  });

  it('refuses a body of another type, and goes on because it has read that body', async () => {
    const server = await start();
    const one = client(server);
    one.send(post().replace('application/json', 'text/plain') + post());
    expect(await one.answer()).toMatch(/^HTTP\/1\.1 415 /);
    expect(await one.answer()).toMatch(/^HTTP\/1\.1 200 /);
    expect(server.ways).toEqual(['lane', 'lane']);
  });

  it('takes a head for the one before it only when all of it is the same', async () => {
    const server = await start();
    const general = await start({ withLane: false });
    const one = client(server);
    const other = client(general);
    const heads = [
      post('{}', 'X-A: b\r\n'),
      post('{}', 'X-A: c\r\n'),
      post('{"a":1}', 'X-A: c\r\n'),
      'POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-A: c\r\nContent-Length: 0002\r\n\r\n{}',
      post('{}', 'X-A: c\r\n'),
      'POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-A: c\r\nContent-Length: 2\r\nX-B: d\r\n\r\n{}',
      'POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-A: c\r\nContent-Length: 2;\r\n\r\n{}',
    ];
    for (const head of heads) {
      one.send(head);
      other.send(head);
      expect(await one.answer()).toBe(await other.answer());
    }
    expect(server.ways).toEqual(['lane', 'lane', 'lane', 'lane', 'lane', 'lane']);
  });

  it('answers pipelined requests in their order, the general server the ones that are not of the lane', async () => {
    const answering: (() => void)[] = [];
    const server = await start({
      handle: async (exchange) => {
        if (exchange.headers['x-wait'] !== undefined)
          await new Promise<void>((resolve) => {
            answering.push(resolve);
          });
        return echo(exchange);
      },
    });
    const one = client(server);
    one.send(
      post('{"n":1}', 'X-Wait: 1\r\n') +
        post('{"n":2}') +
        post('{"n":3}') +
        'GET /mcp?n=4 HTTP/1.1\r\nHost: x\r\n\r\n' +
        post('{"n":5}'),
    );
    while (answering.length === 0) await turn();
    expect(server.ways).toEqual(['lane']);
    answering[0]!();
    const answers = [
      await one.answer(),
      await one.answer(),
      await one.answer(),
      await one.answer(),
      await one.answer(),
    ];
    expect(answers.map((text) => /n(?:\\":|=)(\d)/.exec(text)?.[1])).toEqual(['1', '2', '3', '4', '5']);
    expect(server.ways).toEqual(['lane', 'lane', 'lane', 'general', 'general']);
  });

  it('takes no further requests from a client that does not read its answers', async () => {
    const answer = Buffer.alloc(4 * 1024 * 1024, 0x20);
    const server = await start({ handle: (exchange) => exchange.send(200, undefined, answer) });
    const one = client(server);
    await once(one.socket, 'connect');
    one.socket.pause();
    one.send(post().repeat(20));
    while (server.sockets[0]?.writableNeedDrain !== true) await turn();
    for (let turns = 0; turns < 200; turns++) await turn();
    // What the system's own buffers take is not in this process's memory.
    expect(server.ways.length).toBeLessThan(10);
    expect(server.sockets[0]?.writableLength).toBeLessThan(2 * answer.length);
    let read = 0;
    one.socket.removeAllListeners('data').on('data', (chunk) => {
      read += chunk.length;
    });
    one.socket.resume();
    while (read < 20 * answer.length) await turn();
    expect(server.ways).toHaveLength(20);
  }, 30_000);

  it('tells a request whose client goes away before the answer, and one whose body is cut', async () => {
    const seen: EdgeExchange[] = [];
    const cut: string[] = [];
    const server = await start({
      handle: async (exchange) => {
        seen.push(exchange);
        try {
          await exchange.body();
          await new Promise<void>((resolve) => exchange.onGone(resolve));
        } catch (error) {
          cut.push((error as GatewayError).message);
        }
      },
    });
    for (const request of [post(), post().slice(0, -1)]) {
      const one = client(server);
      await one.write(request);
      while (seen.length === 0) await turn();
      expect(seen[0]!.isGone).toBe(false);
      const exchange = seen.shift()!;
      const left = new Promise<void>((resolve) => exchange.onGone(resolve));
      one.socket.destroy();
      await left;
      expect(exchange.isGone).toBe(true);
      await new Promise<void>((resolve) => exchange.onGone(resolve));
    }
    while (cut.length === 0) await turn();
    expect(cut).toEqual(['The body ended after 1 of 2 bytes.']);
  });

  it('goes on with nothing after a client that goes away in the middle of an answer', async () => {
    const answer = Buffer.alloc(32 * 1024 * 1024, 0x20);
    const exchanges: EdgeExchange[] = [];
    const server = await start({
      handle: (exchange) => {
        exchanges.push(exchange);
        exchange.send(200, undefined, answer);
      },
    });
    const one = client(server);
    one.send(post() + post());
    await once(one.socket, 'data');
    one.socket.destroy();
    while (server.sockets[0]?.closed !== true) await turn();
    expect(exchanges.length).toBeLessThanOrEqual(2);
    expect(exchanges[0]!.isGone).toBe(false);
  });

  it('refuses before the body has come, drops the rest of it, and goes on', async () => {
    const server = await start({
      handle: (exchange) => {
        if (exchange.headers['x-in'] === undefined) throw new GatewayError('auth-missing');
        return echo(exchange);
      },
    });
    const one = client(server);
    const length = 400_000;
    await one.write(`POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n${post()}`);
    expect(await one.answer()).toContain('HTTP/1.1 401 ');
    await one.write('x'.repeat(length - post().length));
    one.send(post('{"n":1}', 'X-In: 1\r\n'));
    expect(await one.answer()).toContain('HTTP/1.1 200 ');
    expect(server.ways).toEqual(['lane', 'lane']);
  });

  it('sends no header that would end the head early', async () => {
    const thrown: unknown[] = [];
    const server = await start({
      handle: (exchange) => {
        try {
          exchange.send(200, { 'x-a': 'b\r\nx-c: d' }, Buffer.from('{}'));
        } catch (error) {
          thrown.push(error);
        }
        throw new GatewayError('internal', { request: exchange.requestId });
      },
    });
    const one = client(server);
    one.send(post());
    expect(await one.answer()).toMatch(/^HTTP\/1\.1 500 /);
    expect(String(thrown)).toContain('x-a');
  });
});

describe('answers that are slow', () => {
  it('become an event stream in chunks, after which the connection goes on', async () => {
    const server = await start({
      handle: async (exchange) => {
        if (exchange.headers['x-slow'] === undefined) return echo(exchange);
        exchange.mayStream();
        exchange.keepAlive(0);
        await turn();
        exchange.keepAlive(0);
        exchange.send(200, undefined, Buffer.from('{"done":true}'));
      },
    });
    const general = await start({
      withLane: false,
      handle: (exchange) => {
        exchange.mayStream();
        exchange.keepAlive(0);
        exchange.keepAlive(0);
        exchange.send(200, undefined, Buffer.from('{"done":true}'));
      },
    });
    const slow = post('{}', 'X-Slow: 1\r\nAccept: application/json, text/event-stream\r\n');
    const one = client(server);
    one.send(slow + post('{"next":1}'));
    const streamed = await one.answer();
    expect(streamed).toContain('data: {"done":true}');
    expect(await one.answer()).toContain('next');
    const other = client(general);
    other.send(slow);
    expect(unchunked(streamed)).toBe(': working\n\n: working\n\nevent: message\ndata: {"done":true}\n\n');
    expect(unchunked(await other.answer())).toBe(unchunked(streamed));
    expect(server.ways).toEqual(['lane', 'lane']);
  });

  it('may stay open as a stream until either side ends it', async () => {
    const closed: string[] = [];
    const server = await start({
      handle: (exchange) => {
        const name = String(exchange.headers['x-name']);
        const stream = exchange.openStream({ 'x-kept': 'yes' });
        stream.onClose(() => closed.push(name));
        expect(stream.send('tick', Buffer.from('{"a":\n1}'))).toBe(true);
        if (name === 'ours') stream.close();
        stream.comment('after');
      },
    });
    const ours = client(server);
    ours.send(post('{}', 'X-Name: ours\r\n'));
    const text = await ours.answer();
    expect(text).toContain('event: tick\ndata: {"a": 1}');
    expect(text).toContain('x-kept: yes');
    expect(text).not.toContain('after');
    const theirs = client(server);
    theirs.send(post('{}', 'X-Name: theirs\r\n'));
    await once(theirs.socket, 'data');
    theirs.socket.destroy();
    while (closed.length < 2) await turn();
    expect(closed).toEqual(['ours', 'theirs']);
  });
});

describe('deadlines', () => {
  it('end a connection that says nothing, one whose head or body does not come to its end, and one that is not used', async () => {
    const server = await start({ headMs: 200, requestMs: 300, keepAliveMs: 200 });
    const texts = ['', 'POST /mc', post().slice(0, 60), post().slice(0, -1)];
    const stuck = texts.map((text) => {
      const one = client(server);
      one.send(text);
      return one;
    });
    for (const one of stuck) {
      expect(await one.answer()).toMatch(/^HTTP\/1\.1 408 Request Timeout\n/);
      await one.closed();
    }
    const idle = client(server);
    idle.send(post());
    expect(await idle.answer()).toContain('HTTP/1.1 200 ');
    await idle.closed();
    expect(await idle.answer()).toBe('\n\n');
  }, 30_000);

  it('let whoever waits for an answer, or reads a long one, take its time', async () => {
    let finish: () => void = () => undefined;
    const server = await start({
      headMs: 1,
      requestMs: 1,
      keepAliveMs: 1,
      handle: async (exchange) => {
        await exchange.body();
        const other = client(server);
        await once(other.socket, 'close');
        finish();
        exchange.send(200, undefined, Buffer.from('{"late":true}'));
      },
    });
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const one = client(server);
    one.send(post());
    await finished;
    expect(await one.answer()).toContain('late');
  }, 30_000);
});

it('a lane that closes ends idle connections at once and others after their answer', async () => {
  let answerNow: () => void = () => undefined;
  const server = await start({
    handle: async (exchange) => {
      await exchange.body();
      if (exchange.headers['x-wait'] !== undefined)
        await new Promise<void>((resolve) => {
          answerNow = resolve;
        });
      return echo(exchange);
    },
  });
  const idle = client(server);
  idle.send(post());
  await idle.answer();
  const busy = client(server);
  busy.send(post('{}', 'X-Wait: 1\r\n'));
  while (server.ways.length < 2) await turn();
  server.lane!.closeIdle();
  await idle.closed();
  answerNow();
  expect(await busy.answer()).toContain('connection: close');
  await busy.closed();
});

/** The body of an answer in chunks, put together. */
function unchunked(text: string): string {
  let rest = text.slice(text.indexOf('\n\n') + 2);
  let body = '';
  for (;;) {
    const [line = ''] = rest.split('\r\n', 1);
    const bytes = Number.parseInt(line, 16);
    if (!(bytes > 0)) return body;
    body += rest.slice(line.length + 2, line.length + 2 + bytes);
    rest = rest.slice(line.length + 4 + bytes);
  }
}
