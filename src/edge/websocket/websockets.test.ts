import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Arrivals } from '../../../test/support/arrivals.ts';
import { verifies } from '../../../test/support/verifies.ts';
import type { Exchange } from '../../gateway/exchange.ts';
import type { Ending, MessageSocket, SocketSession } from '../../gateway/message-socket.ts';
import { silentLog } from '../../telemetry/log.ts';
import { WebSockets } from './websockets.ts';

const MINUTE = 60_000;

class Session implements SocketSession {
  isBusy = false;
  readonly messages = new Arrivals<string>();
  readonly endings = new Arrivals<Ending>();
  readonly gone = new Arrivals<true>();
  readonly socket: MessageSocket;

  constructor(socket: MessageSocket) {
    this.socket = socket;
  }

  onMessage(data: Buffer): void {
    this.messages.add(data.toString());
  }

  onGone(): void {
    this.gone.add(true);
  }

  finish(ending: Ending): void {
    this.endings.add(ending);
    if (!this.isBusy) this.socket.close(ending.closeCode, ending.reason);
  }
}

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** WebSockets whose clock only the test turns. */
async function start(bounds: Partial<{ idleMs: number; lifeMs: number; pingMs: number }> = {}) {
  const clock = { ms: 0 };
  const sessions = new Arrivals<Session>();
  const sockets = new WebSockets({
    messageBytesMax: 1_000,
    pingMs: MINUTE,
    idleMs: 15 * MINUTE,
    lifeMs: 60 * MINUTE,
    sweepMs: 5,
    now: () => clock.ms,
    log: silentLog,
    ...bounds,
  });
  const server = createServer();
  server.on('upgrade', (request, socket, head) => {
    sockets.accept(request, socket as Socket, head, { requestId: 'r' } as Exchange, (one) => {
      const session = new Session(one);
      sessions.add(session);
      return session;
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    sockets.close();
    server.close();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  const open = async (): Promise<{ client: WebSocket; session: Session; closed: Promise<unknown[]> }> => {
    const at = sessions.all.length;
    const client = new WebSocket(`ws://127.0.0.1:${port}`);
    const closed = once(client, 'close');
    await once(client, 'open');
    return { client, session: await sessions.at(at), closed };
  };
  return { clock, sockets, open };
}

const ofClose = async (closed: Promise<unknown[]>): Promise<readonly [unknown, string]> => {
  const [code, reason] = await closed;
  return [code, String(reason)];
};

it('closes a connection on which nothing was asked for long, and none that works or was asked', async () => {
  verifies('llm:websocket-ends');
  const { clock, open } = await start();
  const idle = await open();
  const busy = await open();
  const asked = await open();
  busy.session.isBusy = true;
  clock.ms = 14 * MINUTE;
  asked.client.send('x');
  await asked.session.messages.at(0);
  clock.ms = 15 * MINUTE + 1;
  expect(await ofClose(idle.closed)).toEqual([1000, 'nothing was asked for 15 minutes']);
  await idle.session.gone.at(0);
  expect([busy.client.readyState, asked.client.readyState]).toEqual([WebSocket.OPEN, WebSocket.OPEN]);
  expect(busy.session.endings.all).toEqual([]);
  busy.session.isBusy = false;
  clock.ms = 29 * MINUTE + 2;
  expect(await ofClose(asked.closed)).toEqual([1000, 'nothing was asked for 15 minutes']);
});

it('ends a connection that is as old as any may be in the words of OpenAI, after its answers', async () => {
  verifies('llm:websocket-ends');
  const { clock, open } = await start();
  const { session, closed } = await open();
  session.isBusy = true;
  clock.ms = 60 * MINUTE + 1;
  const ending = await session.endings.at(0);
  expect(ending).toMatchObject({
    status: 400,
    isTold: true,
    error: {
      type: 'invalid_request_error',
      code: 'websocket_connection_limit_reached',
      message:
        'Responses websocket connection limit reached (60 minutes). Create a new websocket connection to continue.',
    },
  });
  session.socket.close(ending.closeCode, ending.reason);
  expect(await ofClose(closed)).toEqual([1000, 'open for 60 minutes']);
});

it('keeps a connection open whose client says nothing but that it lives', async () => {
  verifies('llm:websocket-ends');
  const { open } = await start({ pingMs: 5 });
  const { client } = await open();
  const pings = new Arrivals<true>();
  client.on('ping', () => pings.add(true));
  await pings.at(20);
  expect(client.readyState).toBe(WebSocket.OPEN);
});

it('drains when the last connection has closed, and at once without any', async () => {
  verifies('llm:websocket-ends');
  const { sockets, open } = await start();
  await sockets.drain();
  const one = await open();
  const two = await open();
  two.session.isBusy = true;
  let isDrained = false;
  const drained = sockets.drain().then(() => (isDrained = true));
  expect(await ofClose(one.closed)).toEqual([1001, 'the gateway is shutting down']);
  await one.session.gone.at(0);
  expect([isDrained, sockets.size]).toEqual([false, 1]);
  two.session.socket.close(1001, '');
  await drained;
  expect(sockets.size).toBe(0);
});
