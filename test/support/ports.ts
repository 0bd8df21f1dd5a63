import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the range from which Linux takes ports for outgoing connections, and above those of well-known programs. */
const FIRST = 15_000;
const COUNT = 17_000;
/** Test files run beside each other, each in a process of its own: none is given what another one was. */
const [WORKER, WORKERS] = [Number(process.env['VITEST_POOL_ID'] ?? 0), 4];
const given = new Set<number>();

/** A TCP port of the loopback address that stays free while nobody listens on it: no outgoing connection is given it meanwhile. */
export async function lastingPort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor((Math.random() * COUNT) / WORKERS) * WORKERS + (WORKER % WORKERS);
    if (given.has(port)) continue;
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch {
      continue;
    }
    server.close();
    await once(server, 'close');
    given.add(port);
    return port;
  }
}
