import type { Found } from '../catalog/catalog.ts';
import type { ServerConfig } from '../mcp-ports.ts';
import type { Identity } from '../wire/outbound.ts';
import { candidates, type HttpCandidate, mismatchFinding } from './candidates.ts';
import { UpstreamFailure } from './failure.ts';
import type { Finding } from './finding.ts';
import { discoverPeer, initializePeer, type Peer } from './peer.ts';
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
  readonly identity: Identity;
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
    return connectLocal(config, events, deps);
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

async function connectLocal(
  config: ServerConfig,
  events: TransportEvents,
  deps: ConnectDeps,
): Promise<Connected> {
  const open = config.transport === 'stdio' ? deps.transports.stdio : deps.transports.inProcess;
  const transport = await open(config, events);
  try {
    const peer = await handshake(transport, deps.identity, config.startTimeoutMs);
    return {
      peer,
      found: { transport: transport.kind, url: undefined, era: peer.era, revision: peer.revision },
      finding: undefined,
    };
  } catch (error) {
    await transport[Symbol.asyncDispose]();
    throw error;
  }
}

/** Legacy first: servers exist that die when anything comes before `initialize`; a modern-only one refuses it in so many words. */
async function handshake(transport: Transport, identity: Identity, timeoutMs: number): Promise<Peer> {
  try {
    return await initializePeer(transport, identity, timeoutMs);
  } catch (error) {
    if (!(error instanceof UpstreamFailure) || error.kind !== 'protocol') throw error;
    try {
      return await discoverPeer(transport, identity, timeoutMs);
    } catch {
      throw error;
    }
  }
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
    return closingOnFailure(transport, () => initializePeer(transport, deps.identity, timeoutMs));
  }
  const transport = deps.transports.http(config, candidate.url, events);
  return closingOnFailure(transport, async () => {
    if (candidate.era === 'legacy') return initializePeer(transport, deps.identity, timeoutMs);
    try {
      return await discoverPeer(transport, deps.identity, Math.min(timeoutMs, PROBE_MS / 2));
    } catch (error) {
      if (!(error instanceof UpstreamFailure) || !(isTransportEvidence(error) || error.kind === 'timeout'))
        throw error;
      return initializePeer(transport, deps.identity, timeoutMs);
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
