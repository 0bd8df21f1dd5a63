import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** A load balancer over TCP. */
export interface Balancer extends AsyncDisposable {
  /** `http://host:port`, as the gateways have it. */
  readonly url: string;
  /** Connections that were passed on, by the gateways' places. */
  readonly passed: readonly number[];
}

/** How long one that refused a connection, or broke it without a word, is passed over: nginx's `max_fails=1 fail_timeout=1s`. */
const FAIL_MS = 1_000;

/**
 * Gives connections to gateways in turn, and to the next one where one is refused: nothing was sent then, so that nothing is sent twice
 * (what nginx does with `proxy_next_upstream error`). What breaks later breaks for the client. `urls` is asked for each connection.
 */
export async function startBalancer(urls: () => readonly string[]): Promise<Balancer> {
  const passed: number[] = [];
  /** Until when each is passed over, in monotonic milliseconds. */
  const restsUntil: number[] = [];
  const open = new Set<Socket>();
  let turn = 0;
  const keep = (socket: Socket): Socket => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    return socket;
  };
  const connect = (client: Socket, first: number, tries = 0): void => {
    const all = urls();
    const order = all.map((_, index) => (first + index) % all.length);
    const isResting = (at: number): boolean => (restsUntil[at] ?? 0) > performance.now();
    const at = order.find((one) => !isResting(one)) ?? order[0]!;
    const rest = (): void => {
      restsUntil[at] = performance.now() + FAIL_MS;
    };
    const { hostname, port } = new URL(all[at]!);
    const upstream = keep(createConnection(Number(port), hostname));
    const refused = (): void => {
      rest();
      if (tries + 1 < all.length && !client.destroyed) connect(client, at + 1, tries + 1);
      else client.destroy();
    };
    upstream.once('error', refused);
    upstream.once('connect', () => {
      passed[at] = (passed[at] ?? 0) + 1;
      upstream.off('error', refused);
      upstream.once('error', () => client.destroy());
      client.once('error', () => upstream.destroy());
      client.pipe(upstream).pipe(client);
      // A peer that is killed resets its connections or closes them, and its other end has to know.
      upstream.once('close', () => {
        if (upstream.bytesRead === 0 && !client.destroyed) rest();
        client.destroySoon();
      });
      client.once('close', () => upstream.destroy());
    });
  };
  const server = createServer({ noDelay: true }, (client) => {
    keep(client).on('error', () => undefined);
    connect(client, turn++);
  }).listen(0, '127.0.0.1', 4_096);
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passed,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
