import { GatewayError } from '../../core/errors.ts';
import { UpstreamFailure, type FailureKind } from '../upstream/failure.ts';
import { candidates, type HttpCandidate } from '../upstream/candidates.ts';
import { discoverPeer, initializePeer, type Peer } from '../upstream/peer.ts';
import { readOffer } from '../upstream/read-offer.ts';
import { GATEWAY_CAPABILITIES } from '../wire/capabilities.ts';
import { errorMessage, errorObject } from '../wire/compose.ts';
import type { Transport, TransportEvents } from '../upstream/transport.ts';
import { createTransports } from '../upstream/transports/factory.ts';
import type { ServerConfig } from '../mcp-ports.ts';
import type { RpcReply } from '../wire/message.ts';
import { type Era, eraOf } from '../wire/revisions.ts';
import type { DiagnoseDeps, Tried, Way, Works } from './diagnosis.ts';

/**
 * Where the diagnosis touches the engine's way to servers: one attempt over one transport in one era, with nothing left open. Nothing
 * else in this folder imports from `upstream/`.
 */

const NOISE_LINES_MAX = 20;

/** One way to try. */
export interface Place {
  readonly transport: Way;
  readonly era: Era;
  readonly url?: string | undefined;
}

/** What one attempt showed. */
export interface Attempt {
  readonly place: Place;
  readonly tried: Tried;
  readonly works: Works | undefined;
  readonly failure: AttemptFailure | undefined;
  /** Lines on standard output that are no messages. */
  readonly noise: readonly string[];
  readonly stderr: string;
}

export interface AttemptFailure {
  readonly kind: FailureKind | 'connector';
  readonly text: string;
  /** `open`: no message was answered yet. `handshake`: the first one was answered, but not well. `tools`: all but the list was. */
  readonly phase: 'open' | 'handshake' | 'tools';
  /** The protocol revision with which the server answered, JSON text, when it is not one that is known. */
  readonly revision: string | undefined;
  /** The server's JSON-RPC error to the first message. */
  readonly error: { readonly code: number; readonly message: string } | undefined;
}

/** Addresses and transports of a server over HTTP, the declared one first. */
export function placesOf(config: ServerConfig): readonly { transport: 'http' | 'sse'; url: string }[] {
  return candidates({ ...config, transportStrict: false }, undefined).map(
    ({ transport, url }: HttpCandidate) => ({ transport, url }),
  );
}

/** Tries one way. Rejects only when `deps.signal` has given up. */
export async function attempt(
  config: ServerConfig,
  place: Place,
  timeoutMs: number,
  deps: DiagnoseDeps,
): Promise<Attempt> {
  deps.signal.throwIfAborted();
  const noise: string[] = [];
  const seen: Seen = { revision: undefined, error: undefined, answered: false };
  const events: TransportEvents = {
    signal: deps.signal,
    onNotification() {},
    // Some servers do not answer before they have an answer themselves.
    onRequest: (request, answer) =>
      answer(
        errorMessage(
          request.idBytes,
          errorObject(new GatewayError('rpc-method', { method: request.method.slice(0, 100) })),
        ),
      ),
    onClosed() {},
    onOddity: (text) => {
      if (noise.length < NOISE_LINES_MAX) noise.push(text);
    },
  };
  let transport: Transport | undefined;
  let phase: AttemptFailure['phase'] = 'open';
  try {
    transport = await open(config, place, events, timeoutMs, deps);
    const watched = watch(transport, place.era, seen);
    const shake = place.era === 'legacy' ? initializePeer : discoverPeer;
    const peer: Peer = await shake(
      watched,
      { identity: deps.identity, capabilities: GATEWAY_CAPABILITIES },
      timeoutMs,
    );
    phase = 'tools';
    const tools = (await readOffer(peer, timeoutMs)).tools.length;
    const works: Works = {
      transport: place.transport,
      url: place.url,
      revision: peer.revision,
      tools,
    };
    return result(
      config,
      place,
      works,
      undefined,
      `works: protocol ${peer.revision}, ${tools} ${tools === 1 ? 'tool' : 'tools'}`,
      noise,
      transport,
    );
  } catch (error) {
    if (phase === 'open' && seen.answered) phase = 'handshake';
    const kind: AttemptFailure['kind'] = error instanceof UpstreamFailure ? error.kind : 'connector';
    const text = error instanceof Error ? error.message : String(error);
    const failure = { kind, text, phase, revision: seen.revision, error: seen.error };
    return result(
      config,
      place,
      undefined,
      failure,
      phase === 'tools' ? `the list of tools: ${text}` : text,
      noise,
      transport,
    );
  } finally {
    await transport?.[Symbol.asyncDispose]();
  }
}

async function open(
  config: ServerConfig,
  place: Place,
  events: TransportEvents,
  timeoutMs: number,
  deps: DiagnoseDeps,
): Promise<Transport> {
  const factory = createTransports(deps);
  switch (place.transport) {
    case 'stdio':
      return factory.stdio(config, events);
    case 'in-process':
      return factory.inProcess(config, events);
    case 'http':
      return factory.http(config, place.url!, events);
    case 'sse':
      return factory.sse(config, place.url!, events, timeoutMs);
  }
}

interface Seen {
  answered: boolean;
  revision: string | undefined;
  error: { readonly code: number; readonly message: string } | undefined;
}

/** The same transport; what the first message is answered with is kept in `seen`. */
function watch(inner: Transport, era: Era, seen: Seen): Transport {
  return {
    kind: inner.kind,
    pid: inner.pid,
    stderrTail: () => inner.stderrTail(),
    notify: (message, headers) => inner.notify(message, headers),
    request: async (request) => {
      const reply = await inner.request(request);
      if (seen.answered) return reply;
      seen.answered = true;
      if (reply.kind === 'error')
        seen.error = {
          code: Number(reply.error.value('code')),
          message: (reply.error.string('message') ?? '').slice(0, 300),
        };
      else if (era === 'legacy') seen.revision = unknownRevision(reply);
      return reply;
    },
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
}

/** The revision of an answer to `initialize`, as JSON text, when it is none that has this handshake. */
function unknownRevision(reply: Extract<RpcReply, { kind: 'result' }>): string | undefined {
  const known = reply.result.string('protocolVersion');
  if (known !== undefined && eraOf(known) === 'legacy') return undefined;
  return reply.result.slice('protocolVersion')?.toString('utf8').slice(0, 40) ?? 'missing';
}

function result(
  config: ServerConfig,
  place: Place,
  works: Works | undefined,
  failure: AttemptFailure | undefined,
  outcome: string,
  noise: readonly string[],
  transport: Transport | undefined,
): Attempt {
  // Arguments may hold secrets.
  const at = place.url ?? config.command ?? config.name;
  return {
    place,
    tried: { transport: place.transport, era: place.era, at, ok: works !== undefined, outcome },
    works,
    failure,
    noise,
    stderr: transport?.stderrTail() ?? '',
  };
}
