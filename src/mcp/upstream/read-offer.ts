import { type JsonObject, scanArray, scanObject } from '../../core/json-scan.ts';
import { outboundRequest } from '../wire/outbound.ts';
import { UpstreamFailure } from './failure.ts';
import { errorText, type Peer, plainWording, standardHeaders } from './peer.ts';

/** Pages that one list may have; a server with more is looping. */
const PAGES_MAX = 1_000;
const METHOD_UNKNOWN = -32601;

/** What a server offers, as it lists it: JSON text of each item. */
export interface Offer {
  readonly tools: readonly Buffer[];
  readonly prompts: readonly Buffer[];
  readonly resources: readonly Buffer[];
  readonly templates: readonly Buffer[];
  /** Milliseconds that these lists hold, as a modern server says (2026-07-28, "Caching"); `undefined` when it does not. */
  readonly ttlMs: number | undefined;
}

export type ListKind = 'tools' | 'prompts' | 'resources' | 'templates';

const LISTS: Readonly<Record<ListKind, { readonly method: string; readonly member: string }>> = {
  tools: { method: 'tools/list', member: 'tools' },
  prompts: { method: 'prompts/list', member: 'prompts' },
  resources: { method: 'resources/list', member: 'resources' },
  templates: { method: 'resources/templates/list', member: 'resourceTemplates' },
};

/** Reads every list that the server has, each to its last page. Rejects with UpstreamFailure. */
export async function readOffer(peer: Peer, timeoutMs: number): Promise<Offer> {
  const capabilities = capabilitiesOf(peer);
  const none = { items: [], ttlMs: undefined };
  const wants = (name: string): boolean => capabilities?.has(name) === true;
  // A server that declares nothing is asked for tools all the same: early ones forgot to.
  const [tools, prompts, resources, templates] = await Promise.all([
    readList(peer, 'tools', timeoutMs),
    wants('prompts') ? readList(peer, 'prompts', timeoutMs) : none,
    wants('resources') ? readList(peer, 'resources', timeoutMs) : none,
    wants('resources') ? readList(peer, 'templates', timeoutMs) : none,
  ]);
  const ttls = [tools, prompts, resources, templates]
    .map((list) => list.ttlMs)
    .filter((ttl) => ttl !== undefined);
  return {
    tools: tools.items,
    prompts: prompts.items,
    resources: resources.items,
    templates: templates.items,
    ttlMs: ttls.length === 0 ? undefined : Math.min(...ttls),
  };
}

/** What a server, connected or known, said that it can do. */
export function capabilitiesOf(peer: Pick<Peer, 'capabilities'>): JsonObject | undefined {
  return peer.capabilities?.[0] === 0x7b ? scanObject(peer.capabilities, 2) : undefined;
}

async function readList(
  peer: Peer,
  kind: ListKind,
  timeoutMs: number,
): Promise<{ readonly items: readonly Buffer[]; readonly ttlMs: number | undefined }> {
  const { method, member } = LISTS[kind];
  const items: Buffer[] = [];
  const cursors = new Set<string>();
  let ttlMs: number | undefined;
  let cursor: Buffer | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const id = peer.nextId();
    const wording = plainWording(peer.envelope, new Map(cursor === undefined ? [] : [['cursor', cursor]]));
    const reply = await peer.transport.request({
      id,
      method,
      message: outboundRequest(id, method, undefined, wording),
      headers: standardHeaders(peer, method),
      timeoutMs,
      cancellation: undefined,
    });
    if (reply.kind === 'error') {
      if (reply.error.value('code') === METHOD_UNKNOWN) return { items: [], ttlMs: undefined };
      throw new UpstreamFailure('protocol', `it refused "${method}": ${errorText(reply)}`);
    }
    const array = reply.result.slice(member);
    if (array?.[0] !== 0x5b)
      throw new UpstreamFailure('protocol', `its answer to "${method}" has no array "${member}"`);
    items.push(...scanArray(array));
    const ttl = reply.result.value('ttlMs');
    if (typeof ttl === 'number' && ttl >= 0) ttlMs = Math.min(ttlMs ?? ttl, ttl);
    cursor = reply.result.slice('nextCursor');
    if (cursor === undefined || cursor[0] !== 0x22) return { items, ttlMs };
    const text = cursor.toString('utf8');
    if (cursors.has(text))
      throw new UpstreamFailure('protocol', `its answers to "${method}" repeat a cursor`);
    cursors.add(text);
  }
  throw new UpstreamFailure('protocol', `its list for "${method}" has more than ${PAGES_MAX} pages`);
}
