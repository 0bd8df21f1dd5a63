import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Arrivals } from './arrivals.ts';
import { bodyOf } from './upstreams/listen.ts';

type Json = Readonly<Record<string, unknown>>;

interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Json & { readonly _meta?: { readonly progressToken?: unknown } };
  readonly result?: unknown;
}

/** One call that the server got, and that the test answers. */
export interface ScriptedCall {
  readonly params: Message['params'];
  /** Reports progress on the call's stream. */
  progress(progress: number, message?: string): void;
  /** Asks the client; resolves with its result. */
  ask(method: string, params: Json): Promise<unknown>;
  /** The call's result: that text. */
  answer(text: string): void;
  /** Resolves when the gateway has closed the request. */
  readonly closed: Promise<void>;
}

/** A legacy server over HTTP whose calls the test answers, one after the other. */
export interface ScriptedServer extends AsyncDisposable {
  readonly url: string;
  /** Its tools' names; a change is told with `notify`. */
  tools: readonly string[];
  /** Calls that came so far. */
  readonly calls: readonly ScriptedCall[];
  /** Resolves with call number `at`, counted from 0, come or to come. */
  call(at: number): Promise<ScriptedCall>;
  /** Says something on its GET streams. */
  notify(method: string, params?: Json): void;
  /** The resource that can be watched. */
  readonly resource: string;
  /** URIs of all of them. */
  resources: readonly string[];
}

export async function startScriptedServer(): Promise<ScriptedServer> {
  const calls = new Arrivals<ScriptedCall>();
  const listening = new Set<ServerResponse>();
  const questions = new Map<unknown, (result: unknown) => void>();
  const resource = 'test://watched';
  let asked = 0;
  let tools: readonly string[] = ['work'];
  let resources: readonly string[] = [resource];

  const take = (message: Message, response: ServerResponse): void => {
    const say = (said: unknown): void => {
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: ${JSON.stringify(said)}\n\n`);
    };
    calls.add({
      params: message.params,
      progress: (progress, text) =>
        say({
          jsonrpc: '2.0',
          method: 'notifications/progress',
          params: { progressToken: message.params?._meta?.progressToken, progress, message: text },
        }),
      ask: (method, params) =>
        new Promise((resolve) => {
          const id = `question-${++asked}`;
          questions.set(id, resolve);
          say({ jsonrpc: '2.0', id, method, params });
        }),
      answer: (text) => {
        say({ jsonrpc: '2.0', id: message.id, result: { content: [{ type: 'text', text }] } });
        response.end();
      },
      closed: new Promise((resolve) => {
        response.once('close', resolve);
      }),
    });
  };
  const results: Readonly<Record<string, () => Json>> = {
    initialize: () => ({
      protocolVersion: '2025-11-25',
      capabilities: { tools: { listChanged: true }, resources: { subscribe: true } },
      serverInfo: { name: 'scripted', version: '1' },
    }),
    'tools/list': () => ({ tools: tools.map((name) => ({ name, inputSchema: { type: 'object' } })) }),
    'resources/list': () => ({ resources: resources.map((uri) => ({ uri, name: 'watched' })) }),
    'resources/templates/list': () => ({ resourceTemplates: [] }),
    'resources/subscribe': () => ({}),
    'resources/unsubscribe': () => ({}),
    ping: () => ({}),
  };
  const listener = createServer(async (request, response) => {
    if (request.method === 'GET') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      listening.add(response);
      response.once('close', () => listening.delete(response));
      return;
    }
    if (request.method !== 'POST') {
      response.writeHead(405).end();
      return;
    }
    const message = JSON.parse(await bodyOf(request)) as Message;
    if (message.method === 'tools/call') {
      take(message, response);
      return;
    }
    if (message.method === undefined) questions.get(message.id)?.(message.result);
    const result = results[message.method ?? '']?.();
    if (message.id === undefined || message.method === undefined) response.writeHead(202).end();
    else
      response.writeHead(200, { 'content-type': 'application/json' }).end(
        JSON.stringify({
          jsonrpc: '2.0',
          id: message.id,
          ...(result === undefined ? { error: { code: -32601, message: 'no such method' } } : { result }),
        }),
      );
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', 4_096, resolve));
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/mcp`,
    get tools() {
      return tools;
    },
    set tools(names) {
      tools = names;
    },
    get resources() {
      return resources;
    },
    set resources(uris) {
      resources = uris;
    },
    calls: calls.all,
    resource,
    call: (at) => calls.at(at),
    notify: (method, params) => {
      for (const response of listening)
        response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method, params })}\n\n`);
    },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        listener.closeAllConnections();
      }),
  };
}
