import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
} from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';

/** What tests ask of any client. */
export interface TestClient extends AsyncDisposable {
  /** Names of all tools. */
  list(): Promise<string[]>;
  call(name: string, args: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>>;
  /** Resolves when the server says that its tools have changed. Legacy clients only. */
  listChanged(): Promise<void>;
  /** The protocol revision that was agreed. */
  readonly revision: string | undefined;
}

export type ClientKind = '2025-03-26' | '2025-06-18' | '2025-11-25' | '2026-07-28' | 'http+sse';

export const CLIENT_KINDS: readonly ClientKind[] = [
  '2025-03-26',
  '2025-06-18',
  '2025-11-25',
  '2026-07-28',
  'http+sse',
];

const INFO = { name: 'lanport-test', version: '1.0.0' };

/** Connects an official SDK client of that kind. `base` is the gateway's address, `scope` a path such as `/mcp` or `/a/mcp`. */
export async function connect(
  kind: ClientKind,
  base: string,
  key: string,
  scope = '/mcp',
): Promise<TestClient> {
  const requestInit = { headers: { Authorization: `Bearer ${key}` } };
  if (kind === '2026-07-28') {
    const client = new ModernClient(INFO, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
    await client.connect(new ModernTransport(new URL(scope, base), { requestInit }));
    return wrap(client as unknown as Client, '2026-07-28');
  }
  const client = new Client(INFO);
  if (kind === 'http+sse') {
    const url = new URL(scope.replace(/mcp$/, 'sse'), base);
    await client.connect(
      new SSEClientTransport(url, {
        requestInit,
        eventSourceInit: {
          fetch: (input, init) =>
            fetch(input, {
              ...init,
              headers: { ...(init.headers as Record<string, string>), ...requestInit.headers },
            }),
        },
      }),
    );
    return wrap(client, undefined);
  }
  const transport = new StreamableHTTPClientTransport(new URL(scope, base), { requestInit });
  // The SDK always asks for its newest revision; this asks for an older one, as older clients do.
  const send = transport.send.bind(transport);
  transport.send = (message, options) => {
    const one = message as { method?: string; params?: { protocolVersion?: string } };
    if (one.method === 'initialize' && one.params !== undefined) one.params.protocolVersion = kind;
    return send(message, options);
  };
  await client.connect(transport);
  return wrap(client, (transport as { protocolVersion?: string }).protocolVersion);
}

export function wrap(client: Client, revision: string | undefined): TestClient {
  return {
    revision,
    list: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, args) => await client.callTool({ name, arguments: args }),
    listChanged: () =>
      new Promise((resolve) => {
        client.setNotificationHandler(ToolListChangedNotificationSchema, () => resolve());
      }),
    [Symbol.asyncDispose]: () => client.close(),
  };
}
