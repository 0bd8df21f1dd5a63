import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SlowServer extends AsyncDisposable {
  readonly url: string;
  /** Resolves when its tool was called. */
  readonly called: Promise<void>;
  /** Lets the call be answered. */
  release(): void;
}

/** A server with one tool, `wait`, that answers when it is told to. */
export async function startSlowServer(readOnlyHint = false): Promise<SlowServer> {
  let called = (): void => undefined;
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const wasCalled = new Promise<void>((resolve) => {
    called = resolve;
  });
  const answers: Readonly<Record<string, () => Promise<object> | object>> = {
    initialize: () => ({
      protocolVersion: '2025-11-25',
      capabilities: { tools: {} },
      serverInfo: { name: 'slow', version: '1' },
    }),
    'tools/list': () => ({
      tools: [{ name: 'wait', inputSchema: { type: 'object' }, annotations: { readOnlyHint } }],
    }),
    'tools/call': async () => {
      called();
      await released;
      return { content: [{ type: 'text', text: 'waited' }] };
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
    called: wasCalled,
    release,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        listener.closeAllConnections();
      }),
  };
}
