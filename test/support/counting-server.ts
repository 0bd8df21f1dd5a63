import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CountingServer extends AsyncDisposable {
  readonly url: string;
  /** Calls of its tools so far. */
  readonly calls: number;
  /** Most calls that were in flight at once, since `hold` was called last. */
  readonly mostAtOnce: number;
  /** From now on calls are not answered, until what this returns is called. */
  hold(): () => void;
  /** Resolves when so many calls were made in all. */
  called(count: number): Promise<void>;
}

/** A server with two tools, `cheap` and `dear`, that counts how often they are called. */
export async function startCountingServer(): Promise<CountingServer> {
  let calls = 0;
  let inFlight = 0;
  let mostAtOnce = 0;
  let held: Promise<void> | undefined;
  const waiting = new Set<() => void>();
  const answers: Readonly<Record<string, () => Promise<object> | object>> = {
    initialize: () => ({
      protocolVersion: '2025-11-25',
      capabilities: { tools: {}, prompts: {} },
      serverInfo: { name: 'counting', version: '1' },
    }),
    'tools/list': () => ({
      tools: ['cheap', 'dear'].map((name) => ({ name, inputSchema: { type: 'object' } })),
    }),
    'prompts/list': () => ({ prompts: [{ name: 'ask' }] }),
    'prompts/get': () => ({ messages: [] }),
    'tools/call': async () => {
      calls++;
      mostAtOnce = Math.max(mostAtOnce, ++inFlight);
      for (const look of waiting) look();
      await held;
      inFlight--;
      return { content: [{ type: 'text', text: 'counted' }] };
    },
  };
  const listener = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    if (request.method !== 'POST') {
      response.writeHead(405).end();
      return;
    }
    const message = JSON.parse(text) as { id?: number; method: string };
    if (message.id === undefined) {
      response.writeHead(202).end();
      return;
    }
    const result = await answers[message.method]?.();
    const error = result === undefined ? { code: -32601, message: 'no such method' } : undefined;
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result, error }));
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/mcp`,
    get calls() {
      return calls;
    },
    get mostAtOnce() {
      return mostAtOnce;
    },
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      mostAtOnce = inFlight;
      return () => {
        held = undefined;
        resolve();
      };
    },
    called: (count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (calls < count) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        listener.closeAllConnections();
      }),
  };
}
