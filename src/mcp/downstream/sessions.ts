import { randomBytes } from 'node:crypto';
import type { Cancellation } from '../../core/cancellation.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Seal } from '../../core/seal.ts';
import { type ClientCapabilities, NO_CAPABILITIES, readCapabilities } from '../wire/capabilities.ts';
import type { LogLevel } from '../wire/log-level.ts';
import type { RpcMessage } from '../wire/message.ts';
import { eraOf } from '../wire/revisions.ts';
import type { EventSink, Resumable } from './event-sink.ts';
import type { KnownLists } from './listeners.ts';
import { type Place, Replay, ReplayBudget } from './replay.ts';

const CLIENT_CHARACTERS_MAX = 100;
/** Longer capabilities go into the token as what is understood of them. */
const CAPABILITIES_CHARACTERS_MAX = 1_500;
const REPLAY_BYTES_MAX = 64 * 1024 * 1024;
/** Data of an event that only names a place in its stream. */
export const NO_DATA = Buffer.alloc(0);
/** Clients that know that a stream may begin with an event without data, so that it can be taken up again before anything was said. */
const PRIMED_SINCE = '2025-11-25';
/** Lists that are another than any list of today. */
const NOTHING_KNOWN: KnownLists = new Map([
  ['tools', ''],
  ['prompts', ''],
  ['resources', ''],
]);
const ENDED_MAX = 10_000;
/** A session that was not used for so long keeps nothing but its id, which brings it back. */
const IDLE_MS = 30 * 60_000;

/** What a client says of itself in `initialize`. */
export interface ClientFacts {
  readonly revision: string;
  /** `name/version` as the client gave it. */
  readonly client: string | undefined;
  readonly capabilities: ClientCapabilities;
}

/** One client's legacy session. Everything that must survive a restart is in the id itself. */
export class Session implements ClientFacts {
  readonly id: string;
  readonly principalId: string;
  readonly replay: Replay;
  revision: string;
  client: string | undefined;
  capabilities: ClientCapabilities;
  inFlight = 0;
  /** Ways to give up its requests under way, by their ids as JSON text. */
  readonly calls = new Map<string, Cancellation>();
  /** The GET stream (or the one stream of HTTP+SSE), when one is open. */
  stream: EventSink | undefined;
  /** What its lists were when it was last told of changes; since it first had a stream. */
  known: KnownLists | undefined;
  #stopListening: (() => KnownLists) | undefined;
  logLevel: LogLevel | undefined;
  /** Resources that it watches, as it knows them, with the way to stop. */
  readonly watched = new Map<string, () => void>();
  /** What is to be done when it ends. */
  readonly onEnd = new Set<() => void>();
  /** Milliseconds since the Unix epoch when it was used last. */
  usedAt = Date.now();
  /** Streams of POST requests that can be taken up again, by number. */
  readonly replies = new Map<number, Resumable>();

  constructor(id: string, principalId: string, facts: ClientFacts, budget: ReplayBudget) {
    this.id = id;
    this.principalId = principalId;
    this.revision = facts.revision;
    this.client = facts.client;
    this.capabilities = facts.capabilities;
    this.replay = new Replay(budget);
  }

  /** Takes what the client says of itself; for sessions that begin before `initialize`. */
  introduce(facts: ClientFacts): void {
    this.revision = facts.revision;
    this.client = facts.client;
    this.capabilities = facts.capabilities;
  }

  /** Whether its streams begin with an event without data. */
  get isPrimed(): boolean {
    return this.revision >= PRIMED_SINCE;
  }

  /** Says something outside of any request; `false` when there is no stream for it, or its reader is too slow. */
  say(message: Buffer): boolean {
    if (this.stream === undefined) return false;
    return this.stream.send('message', message, this.replay.record(0, message));
  }

  /** Tells news, which are kept for a client that has lost its stream and comes back for it. */
  tell(message: Buffer): void {
    if (!this.say(message) && this.stream === undefined && this.known !== undefined)
      this.replay.record(0, message);
  }

  /**
   * Puts `stream` into the place of the one before, which ends, and says on it what was missed since `place`; `start` begins to tell changes, and
   * returns the way to stop.
   */
  listen(
    stream: EventSink,
    place: Place | undefined,
    start: (known: KnownLists | undefined) => () => KnownLists,
  ): void {
    const before = this.stream;
    this.stopListening(before);
    before?.close();
    // What came since a place elsewhere is not known here, so that every list may be another one.
    if (place?.isOurs === false) this.known = NOTHING_KNOWN;
    for (const event of place?.missed ?? []) stream.deliver(event.data, event.id);
    if (this.isPrimed) stream.send(undefined, NO_DATA, this.replay.place(0));
    this.stream = stream;
    this.#stopListening = start(this.known);
    this.known ??= new Map();
  }

  /** `stream` has ended; nothing happens when another one is in its place already. */
  stopListening(stream: EventSink | undefined): void {
    if (this.stream !== stream) return;
    this.known = this.#stopListening?.() ?? this.known;
    this.#stopListening = undefined;
    this.stream = undefined;
  }

  /** Lets everything go that the session holds. */
  release(): void {
    const { stream } = this;
    this.stopListening(stream);
    stream?.close();
    for (const end of [...this.onEnd]) end();
    this.onEnd.clear();
    for (const stop of this.watched.values()) stop();
    this.watched.clear();
    this.replay.clear();
  }
}

interface Sealed {
  readonly v: 1;
  readonly p: string;
  readonly r: string;
  readonly c: string | undefined;
  readonly k?: string;
  /** Makes two sessions of one client differ. */
  readonly n: string;
}

/**
 * Legacy sessions (2025-11-25, Transports, "Session Management"). An id is a sealed token: any process with the same secret continues
 * a session that it never saw, so a restart ends none. What is kept in memory is only what a stream or a bound needs.
 */
export class Sessions {
  readonly #seal: Seal;
  readonly #max: number;
  readonly #inFlightMax: number;
  readonly #live = new Map<string, Session>();
  readonly #ended = new Set<string>();
  readonly #budget = new ReplayBudget(REPLAY_BYTES_MAX);

  constructor(seal: Seal, bounds: { readonly sessionsMax: number; readonly inFlightPerSessionMax: number }) {
    this.#seal = seal;
    this.#max = bounds.sessionsMax;
    this.#inFlightMax = bounds.inFlightPerSessionMax;
  }

  get size(): number {
    return this.#live.size;
  }

  open(principalId: string, facts: ClientFacts): Session {
    const { capabilities } = facts;
    const sealed: Sealed = {
      v: 1,
      p: principalId,
      r: facts.revision,
      c: facts.client?.slice(0, CLIENT_CHARACTERS_MAX),
      ...(capabilities === NO_CAPABILITIES ? {} : { k: boundedText(capabilities) }),
      n: randomBytes(16).toString('base64url'),
    };
    return this.#keep(new Session(this.#seal.seal(JSON.stringify(sealed)), principalId, facts, this.#budget));
  }

  /** A session whose stream is all there is of it (HTTP+SSE): nobody can continue it, and its id means nothing. */
  openOnStream(id: string, principalId: string): Session {
    return this.#keep(
      new Session(
        id,
        principalId,
        { revision: '2024-11-05', client: undefined, capabilities: NO_CAPABILITIES },
        this.#budget,
      ),
    );
  }

  /** The session of that id. Throws `session-unknown` when it has ended, was never opened here, or belongs to another principal. */
  find(id: string, principalId: string): Session {
    const session = this.#live.get(id) ?? this.#restore(id);
    if (session === undefined || session.principalId !== principalId)
      throw new GatewayError('session-unknown');
    session.usedAt = Date.now();
    return session;
  }

  /** The session of that id, when it is in use here. */
  known(id: string, principalId: string): Session | undefined {
    const session = this.#live.get(id);
    return session?.principalId === principalId ? session : undefined;
  }

  /**
   * Counts requests in. Throws `session-busy` beyond the bound; every count in is counted out with `leave`. Notifications and responses do
   * not count: by those a client ends what is in flight.
   */
  enter(session: Session | undefined, messages: readonly RpcMessage[]): void {
    const requests = requestsIn(messages);
    if (session === undefined || requests === 0) return;
    if (session.inFlight + requests > this.#inFlightMax)
      throw new GatewayError('session-busy', { max: this.#inFlightMax });
    session.inFlight += requests;
  }

  leave(session: Session | undefined, messages: readonly RpcMessage[]): void {
    if (session !== undefined) session.inFlight -= requestsIn(messages);
  }

  end(session: Session): void {
    for (const call of [...session.calls.values()]) call.cancel('the session ended');
    session.release();
    this.#live.delete(session.id);
    // The id of a session that was on a stream alone brings nothing back.
    if (this.#seal.open(session.id) === undefined) return;
    this.#ended.add(session.id);
    if (this.#ended.size > ENDED_MAX) this.#ended.delete(this.#ended.values().next().value!);
  }

  /** Forgets what nobody used for long: sessions without a stream, with their subscriptions, and events that nobody came back for. */
  sweep(now: number = Date.now()): void {
    for (const session of [...this.#live.values()]) {
      session.replay.sweep(now);
      if (isIdle(session) && now - session.usedAt > IDLE_MS) this.#forget(session);
    }
  }

  all(): Iterable<Session> {
    return this.#live.values();
  }

  #restore(id: string): Session | undefined {
    if (this.#ended.has(id)) return undefined;
    const text = this.#seal.open(id);
    if (text === undefined) return undefined;
    const sealed = JSON.parse(text) as Sealed;
    if (sealed.v !== 1 || eraOf(sealed.r) !== 'legacy') return undefined;
    const facts = { revision: sealed.r, client: sealed.c, capabilities: readCapabilities(sealed.k) };
    const session = new Session(id, sealed.p, facts, this.#budget);
    // What it was told of before is not known here, and what it watched is lost.
    session.known = NOTHING_KNOWN;
    return this.#keep(session);
  }

  #keep(session: Session): Session {
    if (this.#live.size >= this.#max) this.#forgetOneIdle();
    this.#live.set(session.id, session);
    return session;
  }

  #forget(session: Session): void {
    session.release();
    this.#live.delete(session.id);
  }

  /** Idle sessions cost nothing to forget: their ids bring them back. */
  #forgetOneIdle(): void {
    for (const session of this.#live.values()) {
      if (isIdle(session) && session.watched.size === 0) {
        this.#forget(session);
        return;
      }
    }
    throw new GatewayError('session-limit', { max: this.#max });
  }
}

function isIdle(session: Session): boolean {
  return session.stream === undefined && session.inFlight === 0;
}

function requestsIn(messages: readonly RpcMessage[]): number {
  return messages.reduce((sum, { kind }) => (kind === 'request' ? sum + 1 : sum), 0);
}

/** The capabilities as the client wrote them or, when that is too long to carry about, as they were understood. */
function boundedText(capabilities: ClientCapabilities): string {
  if (capabilities.text.length <= CAPABILITIES_CHARACTERS_MAX) return capabilities.text;
  const { sampling, samplingTools, form, url, roots } = capabilities;
  return JSON.stringify({
    ...(sampling ? { sampling: samplingTools ? { tools: {} } : {} } : {}),
    ...(form || url ? { elicitation: { ...(form ? { form: {} } : {}), ...(url ? { url: {} } : {}) } } : {}),
    ...(roots ? { roots: {} } : {}),
  });
}
