import type { Found } from '../catalog/catalog.ts';
import type { ServerConfig } from '../mcp-ports.ts';

import { candidates, type HttpCandidate, mismatchFinding } from './candidates.ts';
import { UpstreamFailure } from './failure.ts';
import type { Finding } from './finding.ts';
import { discoverPeer, idSource, initializePeer, type Introduction, type Peer } from './peer.ts';
import type { Transport, TransportEvents } from './transport.ts';

/** Time that one probe of one address may take, in milliseconds, when others are left to try. */
const PROBE_MS = 10_000;
const CANDIDATES_MAX = 12;

/** Opens transports; nothing is sent before the first request. */
export interface TransportFactory {
  stdio(config: ServerConfig, events: TransportEvents): Promise<Transport>;
  inProcess(config: ServerConfig, events: TransportEvents): Promise<Transport>;
  http(config: ServerConfig, url: string, events: TransportEvents): Transport;
  /** Resolves when the server has named its endpoint. */
  sse(config: ServerConfig, url: string, events: TransportEvents, timeoutMs: number): Promise<Transport>;
}

export interface Connected {
  readonly peer: Peer;
  readonly found: Found;
  readonly finding: Finding | undefined;
}

export interface ConnectDeps {
  readonly transports: TransportFactory;
  readonly introduction: Introduction;
}

/**
 * Reaches a server the way it was declared or, when the evidence contradicts that, the way it really speaks. `remembered` is where it
 * was found last. Rejects with UpstreamFailure; then nothing is left open. The whole takes at most `config.startTimeoutMs`.
 */
export async function connectServer(
  config: ServerConfig,
  remembered: Found | undefined,
  events: TransportEvents,
  deps: ConnectDeps,
): Promise<Connected> {
  if (config.transport === 'stdio' || config.transport === 'in-process')
    return connectLocal(config, remembered, events, deps);
  const deadline = performance.now() + config.startTimeoutMs;
  const queue: HttpCandidate[] = candidates(config, remembered);
  const tried: string[] = [];
  let first: UpstreamFailure | undefined;
  for (let at = 0; at < queue.length && at < CANDIDATES_MAX; at++) {
    const candidate = queue[at]!;
    const left = deadline - performance.now();
    if (left <= 0) break;
    try {
      const peer = await probe(config, candidate, Math.min(PROBE_MS, left), events, deps);
      const found: Found = {
        transport: candidate.transport,
        url: candidate.url,
        era: peer.era,
        revision: peer.revision,
      };
      return { peer, found, finding: mismatchFinding(config, found) };
    } catch (error) {
      if (!(error instanceof UpstreamFailure)) throw error;
      tried.push(`${candidate.transport} at ${candidate.url}: ${error.message}`);
      first ??= error;
      const location = redirectOf(error);
      if (
        location !== undefined &&
        !queue.some((other) => other.url === location && other.transport === candidate.transport)
      ) {
        queue.splice(at + 1, 0, { transport: candidate.transport, url: location });
      }
      if (!isTransportEvidence(error) && !candidate.remembered) throw error;
    }
  }
  throw new UpstreamFailure(
    first?.kind ?? 'timeout',
    tried.length === 1 ? tried[0]! : `nothing there speaks MCP. Tried ${tried.join('; ')}`,
    {
      delivered: 'no',
      status: first?.status,
      cause: first,
    },
  );
}

/** A server that was found to speak the handshake era is asked again which eras it speaks after this time, in milliseconds. */
const LEGACY_VERDICT_MS = 7 * 24 * 60 * 60_000;
/** How long a local server may take to answer `server/discover` before it is sent `initialize` too. */
const DISCOVER_MS = 3_000;
/** How long the answer to `server/discover` may come after that to `initialize`, in milliseconds, and still count. */
const GRACE_MS = 500;

async function connectLocal(
  config: ServerConfig,
  remembered: Found | undefined,
  events: TransportEvents,
  deps: ConnectDeps,
): Promise<Connected> {
  const isLegacy = remembered?.era === 'legacy' && Date.now() - (remembered.at ?? 0) < LEGACY_VERDICT_MS;
  let trial = new Trial(events);
  let transport = await openLocal(config, trial.events, deps);
  try {
    let peer: Peer;
    try {
      peer = isLegacy
        ? await greetLegacy(transport, deps.introduction, config.startTimeoutMs)
        : await greet(transport, deps.introduction, config.startTimeoutMs);
    } catch (error) {
      // Servers exist that end when anything comes before the one message that they know.
      if (!(error instanceof UpstreamFailure) || error.kind !== 'closed') throw error;
      await transport[Symbol.asyncDispose]();
      trial = new Trial(events);
      transport = await openLocal(config, trial.events, deps);
      const other = isLegacy ? greet : initializePeer;
      peer = await other(transport, deps.introduction, config.startTimeoutMs);
    }
    trial.accept();
    return {
      peer,
      found: {
        transport: transport.kind,
        url: undefined,
        era: peer.era,
        revision: peer.revision,
        at: isLegacy && peer.era === 'legacy' ? remembered.at : Date.now(),
      },
      finding: undefined,
    };
  } catch (error) {
    await transport[Symbol.asyncDispose]();
    throw error;
  }
}

function openLocal(config: ServerConfig, events: TransportEvents, deps: ConnectDeps): Promise<Transport> {
  const { transports } = deps;
  return config.transport === 'stdio'
    ? transports.stdio(config, events)
    : transports.inProcess(config, events);
}

/** A transport that may be given up for another: until it is accepted, its end is nobody's business but ours. */
class Trial {
  readonly events: TransportEvents;
  #accepted = false;

  constructor(events: TransportEvents) {
    this.events = {
      signal: events.signal,
      onNotification: (notification) => events.onNotification(notification),
      onRequest: (request, answer, isOurs) => events.onRequest(request, answer, isOurs),
      onOddity: (text) => events.onOddity(text),
      onLateReply: (id) => events.onLateReply?.(id),
      onClosed: (reason) => {
        if (this.#accepted) events.onClosed(reason);
      },
    };
  }

  accept(): void {
    this.#accepted = true;
  }
}

/** A server that spoke the handshake era last; when it refuses the handshake now, it is asked what it speaks. */
async function greetLegacy(
  transport: Transport,
  introduction: Introduction,
  timeoutMs: number,
): Promise<Peer> {
  const nextId = idSource();
  try {
    return await initializePeer(transport, introduction, timeoutMs, nextId);
  } catch (error) {
    if (!(error instanceof UpstreamFailure) || error.kind !== 'protocol') throw error;
    try {
      return await discoverPeer(transport, introduction, timeoutMs, nextId);
    } catch {
      throw error;
    }
  }
}

/**
 * First contact with a local server (2026-07-28, "Backward compatibility"): `server/discover`, and `initialize` as soon as that was refused or
 * stays unanswered, since there are servers that ignore what they do not know.
 */
async function greet(transport: Transport, introduction: Introduction, timeoutMs: number): Promise<Peer> {
  const nextId = idSource();
  const discovered = discoverPeer(transport, introduction, timeoutMs, nextId);
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<'silent'>((resolve) => {
    timer = setTimeout(() => resolve('silent'), Math.min(DISCOVER_MS, timeoutMs));
  });
  try {
    const first = await Promise.race([discovered, silence]);
    if (first !== 'silent') return first;
  } catch (error) {
    if (!(error instanceof UpstreamFailure) || error.kind !== 'protocol') throw error;
    return await initializePeer(transport, introduction, timeoutMs, nextId);
  } finally {
    clearTimeout(timer);
  }
  const initialized = initializePeer(transport, introduction, timeoutMs, nextId);
  let peer: Peer;
  try {
    peer = await Promise.any([discovered, initialized]);
  } catch {
    return await initialized;
  }
  if (peer.era === 'modern') return peer;
  // It was only slow to start, and may be about to answer the first question, too.
  const late = new Promise<Peer>((resolve) => {
    setTimeout(() => resolve(peer), GRACE_MS).unref();
  });
  return await Promise.race([discovered.catch(() => peer), late]);
}

async function probe(
  config: ServerConfig,
  candidate: HttpCandidate,
  timeoutMs: number,
  events: TransportEvents,
  deps: ConnectDeps,
): Promise<Peer> {
  if (candidate.transport === 'sse') {
    const transport = await deps.transports.sse(config, candidate.url, events, timeoutMs);
    return closingOnFailure(transport, () => initializePeer(transport, deps.introduction, timeoutMs));
  }
  const transport = deps.transports.http(config, candidate.url, events);
  return closingOnFailure(transport, async () => {
    if (candidate.era === 'legacy') return initializePeer(transport, deps.introduction, timeoutMs);
    try {
      return await discoverPeer(transport, deps.introduction, Math.min(timeoutMs, PROBE_MS / 2));
    } catch (error) {
      if (!(error instanceof UpstreamFailure) || !(isTransportEvidence(error) || error.kind === 'timeout'))
        throw error;
      return initializePeer(transport, deps.introduction, timeoutMs);
    }
  });
}

async function closingOnFailure(transport: Transport, work: () => Promise<Peer>): Promise<Peer> {
  try {
    return await work();
  } catch (error) {
    await transport[Symbol.asyncDispose]();
    throw error;
  }
}

const EVIDENCE_STATUSES: ReadonlySet<number> = new Set([
  307, 308, 301, 302, 400, 404, 405, 406, 410, 415, 426, 501,
]);

/** Whether a failure says "not this transport here", rather than "not now" or "not you". */
function isTransportEvidence(failure: UpstreamFailure): boolean {
  if (failure.kind === 'protocol' || failure.kind === 'session-lost') return true;
  return failure.kind === 'status' && failure.status !== undefined && EVIDENCE_STATUSES.has(failure.status);
}

function redirectOf(failure: UpstreamFailure): string | undefined {
  return failure.kind === 'status' ? failure.challenge : undefined;
}
