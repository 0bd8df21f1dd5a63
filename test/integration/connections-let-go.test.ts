import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Holdings, holdingsOf, settledHoldings } from '../support/chaos/holdings.ts';
import { INSPECTOR_ENV } from '../support/chaos/inspector.ts';
import { configWith, startGateway, type TestGateway } from '../support/gateway.ts';
import { ROOT } from '../support/process.ts';
import { serversSettled } from '../support/servers.ts';
import { verifies } from '../support/verifies.ts';

/** Connections that end in the same way at the same time. */
const COUNT = 20;

let gateway: TestGateway;
let before: Holdings;

/** One connection, its bytes written by hand. */
class Wire {
  readonly socket: Socket;
  #text = '';
  #look: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1');
      this.#look();
    });
    socket.on('close', () => this.#look());
  }

  static open(): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const { hostname, port } = new URL(gateway.url);
      const socket = connect(Number(port), hostname, () => resolve(new Wire(socket)));
      socket.once('error', reject);
    });
  }

  send(bytes: string): void {
    this.socket.write(bytes, 'latin1');
  }

  /** Resolves with what fits, as soon as it has come; what came so far is then forgotten. Rejects when the connection ends before. */
  until(fits: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      this.#look = () => {
        const found = fits.exec(this.#text);
        if (found !== null) {
          this.#text = '';
          resolve(found);
        } else if (this.socket.destroyed) reject(new Error(`the connection ended after ${this.#text}`));
      };
      this.#look();
    });
  }

  /** Resolves when the gateway has ended the connection. */
  ended(): Promise<void> {
    if (this.socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      this.socket.once('close', () => resolve());
    });
  }
}

const fields = (more: Readonly<Record<string, string>>): string =>
  Object.entries({ Host: '127.0.0.1', Authorization: `Bearer ${gateway.key}`, ...more })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
const get = (path: string, more: Readonly<Record<string, string>> = {}): string =>
  `GET ${path} HTTP/1.1\r\n${fields({ Accept: 'text/event-stream', ...more })}\r\n`;
const JSON_FIELDS = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
const post = (body: string, more: Readonly<Record<string, string>> = {}): string =>
  `POST /mcp HTTP/1.1\r\n${fields({ ...JSON_FIELDS, 'Content-Length': String(body.length), ...more })}\r\n${body}`;
const message = (method: string, params: unknown): string =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
const call = (tool: string, args: unknown): string =>
  message('tools/call', { name: `one-${tool}`, arguments: args, _meta: { progressToken: 1 } });
const echo = (steps = 0): string => call('echo', { nonce: 'mine', steps });
const HELLO = message('initialize', {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'wire', version: '1' },
});

async function listening(): Promise<Wire> {
  const wire = await Wire.open();
  wire.send(post(HELLO));
  const [, id] = await wire.until(/mcp-session-id: (\S+)[^]*"result"/i);
  wire.send(get('/mcp', { 'Mcp-Session-Id': id! }));
  await wire.until(/: open/);
  return wire;
}

async function webSocket(): Promise<Wire> {
  const wire = await Wire.open();
  const handshake = {
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': Buffer.alloc(16).toString('base64'),
  };
  wire.send(get('/v1/responses', { Upgrade: 'websocket', Connection: 'upgrade', ...handshake }));
  await wire.until(/ 101 [^]*\r\n\r\n/);
  return wire;
}

/** A text frame of a client, masked with zeros (RFC 6455, section 5.2). */
function frameOf(text: string): string {
  const { length } = text;
  const size = length < 126 ? [0x80 | length] : [0x80 | 126, length >> 8, length & 255];
  return `${Buffer.from([0x81, ...size, 0, 0, 0, 0]).toString('latin1')}${text}`;
}

/** Sockets, pipes and processes, by kind. Requests to the file system come and go. */
const handles = ({ resources }: Holdings): Record<string, number> =>
  Object.fromEntries(Object.entries(resources).filter(([kind]) => kind.endsWith('Wrap')));

/** What a client does with its connection, up to its end. Those that are no plain POST go to the general server. */
const WAYS: Readonly<Record<string, () => Promise<void>>> = {
  'says nothing and goes': async () => void (await Wire.open()).socket.destroy(),
  'goes in the middle of a head': async () => {
    const wire = await Wire.open();
    wire.send('POST /mcp HT');
    wire.socket.end();
    await wire.ended();
  },
  'goes in the middle of a body': async () => {
    const wire = await Wire.open();
    wire.send(post(echo()).slice(0, -9));
    wire.socket.end();
    await wire.ended();
  },
  'goes in the middle of a call': async () => {
    const wire = await Wire.open();
    wire.send(post(call('hold', { nonce: 'mine' })));
    wire.socket.end();
    await wire.ended();
  },
  'resets in the middle of a stream': async () => {
    const wire = await Wire.open();
    wire.send(post(echo(3)));
    await wire.until(/progress/);
    wire.socket.resetAndDestroy();
  },
  'resets after an answer': async () => {
    const wire = await Wire.open();
    wire.send(post(echo()));
    await wire.until(/"result"/);
    wire.socket.resetAndDestroy();
  },
  'asks for something else after a call': async () => {
    const wire = await Wire.open();
    wire.send(post(echo()));
    await wire.until(/"result"/);
    wire.send(get('/health/liveliness'));
    await wire.until(/HTTP\/1.1 200/);
    wire.socket.end();
    await wire.ended();
  },
  'sends several requests at once': async () => {
    const wire = await Wire.open();
    wire.send(`${post(echo())}${post(echo())}${get('/health/liveliness')}${post(echo())}`);
    await wire.until(/("result"[^]*){3}/);
    wire.socket.end();
    await wire.ended();
  },
  'sends a body in chunks': async () => {
    const wire = await Wire.open();
    const body = echo();
    const head = fields({ ...JSON_FIELDS, 'Transfer-Encoding': 'chunked' });
    wire.send(`POST /mcp HTTP/1.1\r\n${head}\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
    await wire.until(/"result"/);
    wire.socket.end();
    await wire.ended();
  },
  'listens in a session and resets': async () => void (await listening()).socket.resetAndDestroy(),
  'listens in a session and goes': async () => {
    const wire = await listening();
    wire.socket.end();
    await wire.ended();
  },
  'listens over HTTP+SSE and resets': async () => {
    const wire = await Wire.open();
    wire.send(get('/sse'));
    await wire.until(/endpoint/);
    wire.socket.resetAndDestroy();
  },
  'wants a WebSocket where there is none': async () => {
    const wire = await Wire.open();
    wire.send(get('/mcp', { Upgrade: 'websocket', Connection: 'upgrade' }));
    await wire.until(/ 426 /);
    await wire.ended();
  },
  'fails at the handshake of a WebSocket': async () => {
    const wire = await Wire.open();
    wire.send(get('/v1/responses', { Upgrade: 'websocket', Connection: 'upgrade' }));
    await wire.until(/ 400 /);
    await wire.ended();
  },
  'has a WebSocket and resets': async () => void (await webSocket()).socket.resetAndDestroy(),
  'has a WebSocket and goes': async () => {
    const wire = await webSocket();
    wire.socket.end();
    await wire.ended();
  },
  'goes in the middle of a frame': async () => {
    const wire = await webSocket();
    wire.send(frameOf('{"type":"response.create"}').slice(0, 9));
    wire.socket.end();
    await wire.ended();
  },
  'breaks the rules of WebSockets': async () => {
    const wire = await webSocket();
    // Its clients must mask what they say.
    wire.send('\x81\x02{}');
    await wire.ended();
  },
  'goes in the middle of an answer over a WebSocket': async () => {
    const wire = await webSocket();
    const script = { text: 'one two', stall_after: 1 };
    const request = { type: 'response.create', model: 'mock', input: 'x', store: false };
    wire.send(frameOf(JSON.stringify({ ...request, mock_response: script })));
    await wire.until(/output_text\.delta/);
    wire.socket.resetAndDestroy();
  },
  'speaks no HTTP': async () => {
    const wire = await Wire.open();
    wire.send('\x00\x01\xff\r\n\r\n');
    await wire.ended();
  },
  'announces too large a body': async () => {
    const wire = await Wire.open();
    wire.send(post('x', { 'Content-Length': '999999999' }));
    await wire.until(/ 413 /);
    wire.socket.end();
    await wire.ended();
  },
};

describe('a gateway whose client', () => {
  beforeAll(async () => {
    const args = [join(ROOT, 'test/support/upstreams/nonce-stdio.ts'), '2025-11-25'];
    const one = { command: process.execPath, args };
    const model = { model_name: 'mock', litellm_params: { model: 'mock/any' } };
    gateway = await startGateway({
      config: configWith({ one }, { model_list: [model] }),
      env: INSPECTOR_ENV,
    });
    await serversSettled(gateway);
    before = await holdingsOf(gateway);
  }, 60_000);

  afterAll(async () => {
    await gateway?.[Symbol.asyncDispose]();
  });

  it.each(Object.keys(WAYS))('%s holds nothing of its connection', async (way) => {
    verifies('run:connections-let-go');
    await Promise.all(Array.from({ length: COUNT }, WAYS[way]!));
    const after = await settledHoldings(gateway, before.sockets);
    expect(after.sockets).toBe(before.sockets);
    expect(handles(after)).toEqual(handles(before));
  });
});
