import { Connection, type ConnectionHooks } from '../../../src/mcp/upstream/connection.ts';
import type { Connected } from '../../../src/mcp/upstream/connect.ts';
import { idSource } from '../../../src/mcp/upstream/peer.ts';
import type { TransportKind } from '../../../src/mcp/upstream/transport.ts';
import { modernEnvelope } from '../../../src/mcp/wire/outbound.ts';
import { FakeTransport, FakeUpstream } from './fake-upstream.ts';

/** What a connection told its owner. */
export interface Heard {
  readonly lists: string[];
  readonly resources: string[];
  readonly closed: string[];
  ambiguous: number;
}

export interface TestConnection {
  readonly upstream: FakeUpstream;
  readonly transport: FakeTransport;
  readonly connection: Connection;
  readonly heard: Heard;
  readonly clock: { now: number };
}

/** A connection to a fake server, past its first contact. Nothing is answered but by the test. */
export function connected(
  options: {
    readonly era?: 'legacy' | 'modern';
    readonly kind?: TransportKind;
    readonly capabilities?: Readonly<Record<string, unknown>>;
    readonly upstream?: FakeUpstream;
  } = {},
): TestConnection {
  const { era = 'legacy', kind = 'stdio', capabilities = { tools: {}, logging: {} } } = options;
  const upstream = options.upstream ?? new FakeUpstream();
  if (options.upstream === undefined)
    for (const key of Object.keys(upstream.answers)) delete upstream.answers[key];
  const heard: Heard = { lists: [], resources: [], closed: [], ambiguous: 0 };
  const hooks: ConnectionHooks = {
    onListChanged: (list) => heard.lists.push(list),
    onResourceUpdated: (uri) => heard.resources.push(uri),
    onTask: () => undefined,
    onClosed: (_connection, reason) => heard.closed.push(reason),
    onOddity: () => undefined,
    needsRoots: () => false,
    onAmbiguous: () => heard.ambiguous++,
  };
  const clock = { now: 0 };
  const connection = new Connection(hooks, new AbortController().signal, () => clock.now);
  const transport = new FakeTransport(kind, connection.events, upstream);
  connection.begin(peerOn(transport, era, capabilities));
  return { upstream, transport, connection, heard, clock };
}

/** What the first contact over `transport` came to. */
export function peerOn(
  transport: FakeTransport,
  era: 'legacy' | 'modern',
  capabilities: Readonly<Record<string, unknown>>,
): Connected {
  const revision = era === 'modern' ? '2026-07-28' : '2025-11-25';
  return {
    peer: {
      transport,
      era,
      revision,
      serverInfo: undefined,
      capabilities: Buffer.from(JSON.stringify(capabilities)),
      instructions: undefined,
      envelope: era === 'modern' ? modernEnvelope(revision, { name: 'lanport', version: '0' }) : undefined,
      nextId: idSource(),
    },
    found: { transport: transport.kind, url: undefined, era, revision },
    finding: undefined,
  };
}
