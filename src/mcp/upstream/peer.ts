import type { JsonObject } from '../../core/json-scan.ts';
import { scanArray } from '../../core/json-scan.ts';
import type { ToolEntry } from '../catalog/tool-entry.ts';
import { notificationMessage, requestMessage } from '../wire/compose.ts';
import type { RpcReply } from '../wire/message.ts';
import { encodeHeaderValue } from '../wire/modern/header-value.ts';
import { paramHeaders } from '../wire/modern/param-headers.ts';
import { callParams, type Identity, modernEnvelope, plainParams } from '../wire/outbound.ts';
import { eraOf, LATEST_LEGACY, LATEST_MODERN, MODERN_REVISIONS } from '../wire/revisions.ts';
import type { Era } from '../wire/revisions.ts';
import { UpstreamFailure } from './failure.ts';
import type { HeaderLine, Transport } from './transport.ts';

/** Pages that one list may have; a server with more is looping. */
const PAGES_MAX = 1_000;

/** A server that has said who it is, over an open transport. */
export interface Peer {
  readonly transport: Transport;
  readonly era: Era;
  readonly revision: string;
  /** JSON text. */
  readonly serverInfo: Buffer | undefined;
  readonly capabilities: Buffer | undefined;
  readonly instructions: string | undefined;
  readonly identity: Identity;
  readonly envelope: string;
  /** Source of request ids on this transport. */
  readonly nextId: () => number;
}

export interface CallOptions {
  /** Headers for this call alone, for servers over HTTP. */
  readonly headers: readonly HeaderLine[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** The legacy handshake. Rejects with UpstreamFailure; `refusal` of an error reply is in its message. */
export async function initializePeer(
  transport: Transport,
  identity: Identity,
  timeoutMs: number,
): Promise<Peer> {
  const nextId = idSource();
  const id = nextId();
  const params = Buffer.from(
    JSON.stringify({ protocolVersion: LATEST_LEGACY, capabilities: {}, clientInfo: identity }),
  );
  const message = requestMessage(id, 'initialize', params);
  const reply = await transport.request({
    id,
    method: 'initialize',
    message,
    headers: [],
    timeoutMs,
    signal: undefined,
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
  const peer = describePeer(transport, identity, nextId, 'legacy', revision, reply.result);
  await transport.notify(notificationMessage('notifications/initialized'), legacyHeaders(revision));
  return peer;
}

/** The modern first contact. Rejects with UpstreamFailure, kind `protocol` when the server is not modern. */
export async function discoverPeer(
  transport: Transport,
  identity: Identity,
  timeoutMs: number,
): Promise<Peer> {
  const nextId = idSource();
  const id = nextId();
  const envelope = modernEnvelope(LATEST_MODERN, identity);
  const reply = await transport.request({
    id,
    method: 'server/discover',
    message: requestMessage(id, 'server/discover', plainParams('modern', envelope)),
    headers: modernHeaders(LATEST_MODERN, 'server/discover'),
    timeoutMs,
    signal: undefined,
  });
  if (reply.kind === 'error')
    throw new UpstreamFailure('protocol', `it refused "server/discover": ${errorText(reply)}`);
  const supported = reply.result.value('supportedVersions');
  const revision = MODERN_REVISIONS.find((name) => Array.isArray(supported) && supported.includes(name));
  if (revision === undefined)
    throw new UpstreamFailure('protocol', 'it supports no modern revision that is known here');
  return describePeer(transport, identity, nextId, 'modern', revision, reply.result);
}

/** Reads the tool list to its last page: JSON text of each tool. Rejects with UpstreamFailure. */
export async function listTools(peer: Peer, timeoutMs: number): Promise<Buffer[]> {
  const tools: Buffer[] = [];
  const cursors = new Set<string>();
  let cursor: Buffer | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const id = peer.nextId();
    const reply = await peer.transport.request({
      id,
      method: 'tools/list',
      message: requestMessage(id, 'tools/list', plainParams(peer.era, peer.envelope, cursor)),
      headers: standardHeaders(peer, 'tools/list'),
      timeoutMs,
      signal: undefined,
    });
    if (reply.kind === 'error') {
      if (reply.error.value('code') === -32601) return [];
      throw new UpstreamFailure('protocol', `it refused "tools/list": ${errorText(reply)}`);
    }
    const array = reply.result.slice('tools');
    if (array?.[0] !== 0x5b)
      throw new UpstreamFailure('protocol', 'its answer to "tools/list" has no array "tools"');
    tools.push(...scanArray(array));
    cursor = reply.result.slice('nextCursor');
    if (cursor === undefined || cursor[0] !== 0x22) return tools;
    const text = cursor.toString('utf8');
    if (cursors.has(text)) throw new UpstreamFailure('protocol', 'its tool list repeats a cursor');
    cursors.add(text);
  }
  throw new UpstreamFailure('protocol', `its tool list has more than ${PAGES_MAX} pages`);
}

/** One `tools/call`. Rejects with UpstreamFailure. */
export function callTool(
  peer: Peer,
  tool: ToolEntry,
  params: JsonObject | undefined,
  options: CallOptions,
): Promise<RpcReply> {
  const id = peer.nextId();
  const body = callParams(tool.originalName, params, peer.era, peer.envelope);
  let headers: readonly HeaderLine[] = options.headers;
  if (peer.era === 'legacy')
    headers =
      headers.length === 0
        ? standardHeaders(peer, 'tools/call')
        : [...standardHeaders(peer, 'tools/call'), ...headers];
  else {
    const annotated =
      tool.paramHeaders.length === 0 ? [] : paramHeaders(tool.paramHeaders, params?.value('arguments'));
    headers = [
      ...modernHeaders(peer.revision, 'tools/call'),
      ['Mcp-Name', encodeHeaderValue(tool.originalName)],
      ...annotated,
      ...headers,
    ];
  }
  return peer.transport.request({
    id,
    method: 'tools/call',
    message: requestMessage(id, 'tools/call', body),
    headers,
    timeoutMs: options.timeoutMs,
    signal: options.signal,
  });
}

export function standardHeaders(peer: Peer, method: string): readonly HeaderLine[] {
  return peer.era === 'modern' ? modernHeaders(peer.revision, method) : legacyHeaders(peer.revision);
}

/** `code message` of an error reply, bounded. */
export function errorText(reply: Extract<RpcReply, { kind: 'error' }>): string {
  return `${String(reply.error.value('code'))} ${reply.error.string('message') ?? ''}`.slice(0, 300);
}

function describePeer(
  transport: Transport,
  identity: Identity,
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
    identity,
    envelope: modernEnvelope(revision, identity),
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

function idSource(): () => number {
  let last = 0;
  return () => ++last;
}
