import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
} from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { TestGateway } from '../gateway.ts';
import type { RawOptions } from '../scripted/raw-client.ts';

const INFO = { name: 'lanport-test', version: '1.0.0' };

/** An official client of the handshake era; `prepare` may set its handlers before it connects. */
export async function sdkV1(
  gateway: TestGateway,
  options: RawOptions = {},
  prepare: (client: Client) => void = () => undefined,
): Promise<Client & AsyncDisposable> {
  const client = new Client(INFO, { capabilities: { ...options.capabilities } });
  prepare(client);
  const headers = { Authorization: `Bearer ${options.key ?? gateway.key}` };
  const url = new URL(options.scope ?? '/mcp', gateway.url);
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() });
}

/** An official stateless client. */
export async function sdkV2(
  gateway: TestGateway,
  options: RawOptions = {},
  prepare: (client: ModernClient) => void = () => undefined,
): Promise<ModernClient & AsyncDisposable> {
  const client = new ModernClient(INFO, {
    capabilities: { ...options.capabilities },
    versionNegotiation: { mode: { pin: '2026-07-28' } },
  });
  prepare(client);
  const headers = { Authorization: `Bearer ${options.key ?? gateway.key}` };
  const url = new URL(options.scope ?? '/mcp', gateway.url);
  await client.connect(new ModernTransport(url, { requestInit: { headers } }));
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() });
}
