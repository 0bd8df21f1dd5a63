import type { TestGateway } from '../gateway.ts';

const LISTENING = /^Debugger listening on (ws:\S+)/;

/** What a started gateway holds, read through the inspector of Node.js: it opens on SIGUSR1 without any help of the gateway. */
export interface Inspector extends AsyncDisposable {
  /** Kinds of what keeps the event loop busy, with how many there are: sockets, timers, processes. */
  resources(): Promise<Readonly<Record<string, number>>>;
  /** Bytes of live JavaScript values and of buffers, after a full collection. */
  liveBytes(): Promise<number>;
}

/** To be started with `NODE_OPTIONS`, so that several gateways of one machine do not want the same port. */
export const INSPECTOR_ENV = { NODE_OPTIONS: '--inspect-port=0' } as const;

export async function inspect(gateway: TestGateway): Promise<Inspector> {
  process.kill(gateway.pid, 'SIGUSR1');
  const { message } = await gateway.logged((line) => LISTENING.test(line.message));
  const socket = new WebSocket(LISTENING.exec(message)![1]!);
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve());
    socket.addEventListener('error', () => reject(new Error('the inspector cannot be reached')));
  });
  const waiting = new Map<number, (result: unknown) => void>();
  socket.addEventListener('message', ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { id?: number; result?: unknown };
    if (id !== undefined) waiting.get(id)?.(result);
  });
  let lastId = 0;
  const send = (method: string, params: Record<string, unknown> = {}): Promise<unknown> =>
    new Promise((resolve) => {
      const id = ++lastId;
      waiting.set(id, resolve);
      socket.send(JSON.stringify({ id, method, params }));
    });
  const evaluate = async (expression: string): Promise<unknown> => {
    const { result } = (await send('Runtime.evaluate', { expression, returnByValue: true })) as {
      result: { value: unknown };
    };
    return result.value;
  };
  return {
    resources: async () => {
      const names = (await evaluate('process.getActiveResourcesInfo()')) as string[];
      return Object.fromEntries(
        [...new Set(names)].sort().map((name) => [name, names.filter((other) => other === name).length]),
      );
    },
    liveBytes: async () => {
      // Finalisers run after a collection and free what the next one takes.
      for (let round = 0; round < 3; round++) await send('HeapProfiler.collectGarbage');
      return Number(await evaluate('process.memoryUsage().heapUsed + process.memoryUsage().external'));
    },
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>((resolve) => socket.addEventListener('close', () => resolve()));
      socket.close();
      await closed;
    },
  };
}
