import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
} from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { type OwnFetch, ownFetch } from '../clients/own-fetch.ts';
import { type Fields, RawClient } from '../clients/raw-client.ts';
import { failureOutcome, messageOutcome, type Outcome, resultOutcome } from './outcome.ts';

export const CHAOS_KINDS = ['sdk v1', 'sdk v1 sse', 'sdk v2', 'raw legacy', 'raw modern'] as const;
export type ChaosKind = (typeof CHAOS_KINDS)[number];

/** A client as the chaos uses it: it never rejects, it tells what came of it. */
export interface ChaosClient {
  readonly kind: ChaosKind;
  /** Names of all tools. Rejects when there is no list. */
  list(signal: AbortSignal): Promise<string[]>;
  call(name: string, args: Fields, meta: Fields, signal: AbortSignal): Promise<Outcome>;
  /** Messages of progress that came for another call than the one that they are about. */
  misplaced(): readonly string[];
  close(): Promise<void>;
}

const INFO = { name: 'chaos', version: '1.0.0' };

/** Connects a client of this kind, over connections of its own. Rejects while there is no gateway. */
export async function connectChaos(kind: ChaosKind, base: string, key: string): Promise<ChaosClient> {
  const mcp = new URL('/mcp', base);
  if (kind === 'raw legacy' || kind === 'raw modern') {
    const era = kind === 'raw legacy' ? 'legacy' : 'modern';
    return ofRaw(kind, await new RawClient(era, base, key, '/mcp').open());
  }
  const own = await ownFetch();
  const options = { fetch: own.fetch, requestInit: { headers: { Authorization: `Bearer ${key}` } } };
  try {
    if (kind === 'sdk v2') return await connectModern(new ModernTransport(mcp, options), own);
    const client = new Client(INFO);
    await client.connect(
      kind === 'sdk v1'
        ? new StreamableHTTPClientTransport(mcp, options)
        : new SSEClientTransport(new URL('/sse', base), options),
    );
    return ofSdk(kind, client, own, (params, signal) => client.callTool(params, undefined, { signal }));
  } catch (error) {
    await own.close();
    throw error;
  }
}

async function connectModern(transport: ModernTransport, own: OwnFetch): Promise<ChaosClient> {
  const client = new ModernClient(INFO, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
  await client.connect(transport);
  return ofSdk('sdk v2', client as unknown as Client, own, (params, signal) =>
    client.callTool(params, { signal }),
  );
}

interface CallParams {
  readonly name: string;
  readonly arguments: Fields;
  readonly _meta: Fields;
}

function ofSdk(
  kind: ChaosKind,
  client: Client,
  own: OwnFetch,
  callTool: (params: CallParams, signal: AbortSignal) => Promise<unknown>,
): ChaosClient {
  // Without a handler the SDKs throw what their streams report into the process.
  Object.assign(client, { onerror: () => undefined });
  return {
    kind,
    list: async (signal) => (await client.listTools({}, { signal })).tools.map(({ name }) => name),
    call: (name, args, meta, signal) =>
      callTool({ name, arguments: args, _meta: meta }, signal).then(
        (result) => resultOutcome(result as Parameters<typeof resultOutcome>[0]),
        failureOutcome,
      ),
    misplaced: () => [],
    close: async () => {
      await client.close();
      await own.close();
    },
  };
}

function ofRaw(kind: ChaosKind, client: RawClient): ChaosClient {
  let lastId = 0;
  const nonces = new Map<unknown, string>();
  return {
    kind,
    list: () => client.list(),
    call: (name, args, meta) => {
      const id = ++lastId;
      nonces.set(id, String(args['nonce']));
      return client.call(id, name, args, meta).then(messageOutcome, failureOutcome);
    },
    misplaced: () =>
      client.progress
        .filter(({ token, message }) => !message.startsWith(`${nonces.get(token)} `))
        .map(({ token, message }) => `progress "${message}" came for call ${String(token)}`),
    close: () => client[Symbol.asyncDispose](),
  };
}
