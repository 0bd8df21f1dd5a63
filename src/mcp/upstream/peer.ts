import type { JsonObject } from '../../core/json-scan.ts';
import { notificationMessage, requestMessage } from '../wire/compose.ts';
import { GATEWAY_CAPABILITIES } from '../wire/capabilities.ts';
import type { RpcReply } from '../wire/message.ts';
import { type Identity, modernEnvelope, outboundRequest } from '../wire/outbound.ts';
import { type Era, eraOf, LATEST_LEGACY, LATEST_MODERN, MODERN_REVISIONS } from '../wire/revisions.ts';
import { UpstreamFailure } from './failure.ts';
import type { HeaderLine, Transport } from './transport.ts';

/** A server that has said who it is, over an open transport. */
export interface Peer {
  readonly transport: Transport;
  readonly era: Era;
  readonly revision: string;
  /** JSON text. */
  readonly serverInfo: Buffer | undefined;
  /** JSON text of the server's capabilities. */
  readonly capabilities: Buffer | undefined;
  readonly instructions: string | undefined;
  /** `_meta` members of each modern request; `undefined` for a legacy server. */
  readonly envelope: string | undefined;
  /** Source of request ids on this transport. */
  readonly nextId: () => number;
}

/** What we say of ourselves when a connection begins. */
export interface Introduction {
  readonly identity: Identity;
  /** JSON text of the capabilities that a legacy server is told. */
  readonly capabilities: string;
}

/** The legacy handshake. Rejects with UpstreamFailure; `refusal` of an error reply is in its message. */
export async function initializePeer(
  transport: Transport,
  introduction: Introduction,
  timeoutMs: number,
  nextId: () => number = idSource(),
): Promise<Peer> {
  const id = nextId();
  const params = Buffer.from(
    `{"protocolVersion":"${LATEST_LEGACY}","capabilities":${introduction.capabilities},"clientInfo":${JSON.stringify(introduction.identity)}}`,
  );
  const reply = await transport.request({
    id,
    method: 'initialize',
    message: requestMessage(id, 'initialize', params),
    headers: [],
    timeoutMs,
    cancellation: undefined,
  });
  if (reply.kind === 'error')
    throw new UpstreamFailure('protocol', `it refused "initialize": ${errorText(reply)}`);
  const revision = reply.result.string('protocolVersion');
  if (revision === undefined || eraOf(revision) !== 'legacy') {
    throw new UpstreamFailure(
      'protocol',
      `it answered "initialize" with protocol revision ${JSON.stringify(revision ?? null)}`,
    );
  }
  const headers = legacyHeaders(revision);
  await transport.notify(notificationMessage('notifications/initialized'), headers);
  transport.listen?.(headers);
  return describePeer(transport, undefined, nextId, 'legacy', revision, reply.result);
}

/** The modern first contact. Rejects with UpstreamFailure, kind `protocol` when the server is not modern. */
export async function discoverPeer(
  transport: Transport,
  introduction: Introduction,
  timeoutMs: number,
  nextId: () => number = idSource(),
): Promise<Peer> {
  const envelope = modernEnvelope(LATEST_MODERN, introduction.identity);
  const ask = (): Promise<RpcReply> => {
    const id = nextId();
    return transport.request({
      id,
      method: 'server/discover',
      message: outboundRequest(id, 'server/discover', undefined, plainWording(envelope)),
      headers: modernHeaders(LATEST_MODERN, 'server/discover'),
      timeoutMs,
      cancellation: undefined,
    });
  };
  let reply = await ask();
  // "Unsupported version" says that it is modern; when it then names one that is known here, that was a slip.
  if (
    reply.kind === 'error' &&
    reply.error.value('code') === VERSION_UNSUPPORTED &&
    supportsKnown(reply.error)
  )
    reply = await ask();
  if (reply.kind === 'error')
    throw new UpstreamFailure('protocol', `it refused "server/discover": ${errorText(reply)}`);
  const supported = reply.result.value('supportedVersions');
  const revision = MODERN_REVISIONS.find((name) => Array.isArray(supported) && supported.includes(name));
  if (revision === undefined)
    throw new UpstreamFailure('protocol', 'it supports no modern revision that is known here');
  return describePeer(transport, envelope, nextId, 'modern', revision, reply.result);
}

const VERSION_UNSUPPORTED = -32022;

function supportsKnown(error: JsonObject): boolean {
  const supported = error.child('data')?.value('supported');
  return Array.isArray(supported) && MODERN_REVISIONS.some((revision) => supported.includes(revision));
}

/** The wording of a request of our own, with no client behind it. */
export function plainWording(
  envelope: string | undefined,
  replace: ReadonlyMap<string, Buffer | undefined> = new Map(),
): Parameters<typeof outboundRequest>[3] {
  return {
    envelope,
    capabilities: GATEWAY_CAPABILITIES,
    logLevel: undefined,
    progressToken: undefined,
    replace,
  };
}

/** HTTP headers that go with each message to this server. */
export function standardHeaders(peer: Peer, method: string): readonly HeaderLine[] {
  return peer.era === 'modern' ? modernHeaders(peer.revision, method) : legacyHeaders(peer.revision);
}

/** `code message` of an error reply, bounded. */
export function errorText(reply: Extract<RpcReply, { kind: 'error' }>): string {
  return `${String(reply.error.value('code'))} ${reply.error.string('message') ?? ''}`.slice(0, 300);
}

function describePeer(
  transport: Transport,
  envelope: string | undefined,
  nextId: () => number,
  era: Era,
  revision: string,
  result: JsonObject,
): Peer {
  return {
    transport,
    era,
    revision,
    serverInfo:
      result.slice('serverInfo') ?? result.child('_meta')?.slice('io.modelcontextprotocol/serverInfo'),
    capabilities: result.slice('capabilities'),
    instructions: result.string('instructions'),
    envelope,
    nextId,
  };
}

const LEGACY_HEADERS = new Map<string, readonly HeaderLine[]>(
  ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'].map((revision) => [
    revision,
    revision < '2025-06-18' ? [] : [['MCP-Protocol-Version', revision]],
  ]),
);

function legacyHeaders(revision: string): readonly HeaderLine[] {
  return LEGACY_HEADERS.get(revision) ?? [];
}

function modernHeaders(revision: string, method: string): readonly HeaderLine[] {
  return [
    ['MCP-Protocol-Version', revision],
    ['Mcp-Method', method],
  ];
}

/** Ids for one transport, from 1. */
export function idSource(): () => number {
  let last = 0;
  return () => ++last;
}
