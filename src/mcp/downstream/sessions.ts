import { randomBytes } from 'node:crypto';
import { GatewayError } from '../../core/errors.ts';
import type { Seal } from '../../core/seal.ts';
import { eraOf } from '../wire/revisions.ts';

const CLIENT_CHARACTERS_MAX = 100;

/** A stream of server-sent events that is open to a client. */
export interface EventSink {
  /** Writes one event; `false` when the client reads too slowly and the event was left out. */
  send(event: string | undefined, data: Buffer): boolean;
  comment(text: string): void;
  close(): void;
}

/** One client's legacy session. Everything that must survive a restart is in the id itself. */
export interface Session {
  readonly id: string;
  readonly principalId: string;
  readonly revision: string;
  /** `name/version` as the client gave it. */
  readonly client: string | undefined;
  inFlight: number;
  /** The GET stream, when one is open. */
  stream: EventSink | undefined;
}

interface Sealed {
  readonly v: 1;
  readonly p: string;
  readonly r: string;
  readonly c: string | undefined;
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

  constructor(seal: Seal, bounds: { readonly sessionsMax: number; readonly inFlightPerSessionMax: number }) {
    this.#seal = seal;
    this.#max = bounds.sessionsMax;
    this.#inFlightMax = bounds.inFlightPerSessionMax;
  }

  get size(): number {
    return this.#live.size;
  }

  open(principalId: string, revision: string, client: string | undefined): Session {
    const sealed: Sealed = {
      v: 1,
      p: principalId,
      r: revision,
      c: client?.slice(0, CLIENT_CHARACTERS_MAX),
      n: randomBytes(16).toString('base64url'),
    };
    return this.#keep({
      id: this.#seal.seal(JSON.stringify(sealed)),
      principalId,
      revision,
      client: sealed.c,
      inFlight: 0,
      stream: undefined,
    });
  }

  /** The session of that id. Throws `session-unknown` when it has ended, was never opened here, or belongs to another principal. */
  find(id: string, principalId: string): Session {
    const session = this.#live.get(id) ?? this.#restore(id);
    if (session === undefined || session.principalId !== principalId)
      throw new GatewayError('session-unknown');
    return session;
  }

  /** Counts requests in. Throws `session-busy` beyond the bound; every count in is counted out with `leave`. */
  enter(session: Session | undefined, requests: number): void {
    if (session === undefined) return;
    if (session.inFlight + requests > this.#inFlightMax)
      throw new GatewayError('session-busy', { max: this.#inFlightMax });
    session.inFlight += requests;
  }

  leave(session: Session | undefined, requests: number): void {
    if (session !== undefined) session.inFlight -= requests;
  }

  end(session: Session): void {
    session.stream?.close();
    this.#live.delete(session.id);
    this.#ended.add(session.id);
    if (this.#ended.size > this.#max) this.#ended.delete(this.#ended.values().next().value!);
  }

  *streams(): Iterable<EventSink> {
    for (const session of this.#live.values()) if (session.stream !== undefined) yield session.stream;
  }

  #restore(id: string): Session | undefined {
    if (this.#ended.has(id)) return undefined;
    const text = this.#seal.open(id);
    if (text === undefined) return undefined;
    const sealed = JSON.parse(text) as Sealed;
    if (sealed.v !== 1 || eraOf(sealed.r) !== 'legacy') return undefined;
    return this.#keep({
      id,
      principalId: sealed.p,
      revision: sealed.r,
      client: sealed.c,
      inFlight: 0,
      stream: undefined,
    });
  }

  #keep(session: Session): Session {
    if (this.#live.size >= this.#max) this.#forgetOneIdle();
    this.#live.set(session.id, session);
    return session;
  }

  /** Idle sessions cost nothing to forget: their ids bring them back. */
  #forgetOneIdle(): void {
    for (const session of this.#live.values()) {
      if (session.stream === undefined && session.inFlight === 0) {
        this.#live.delete(session.id);
        return;
      }
    }
    throw new GatewayError('session-limit', { max: this.#max });
  }
}
