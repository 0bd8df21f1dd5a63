import { GatewayError } from '../core/errors.ts';
import {
  errorMessage,
  LATEST_MODERN,
  readMessages,
  requestHeaders,
  type RpcReply,
} from '../mcp/client-wire.ts';
import { type Failure, failureOf, type Place } from './failure.ts';
import type { AnswerEnd, HttpAnswer, StreamPosition } from './http-answer.ts';
import type { LegacySession } from './legacy-session.ts';
import { ANSWER_MS, type Link } from './link.ts';
import { backoffMs, type Outage, pause } from './outage.ts';
import { idKey, Parcel } from './parcel.ts';
import { relist } from './relist.ts';
import type { ToolHeaders } from './tool-headers.ts';
import { judge } from './verdict.ts';

/** Clients give up on a server whose first answer takes 10 s (Codex); then they would not see why. In milliseconds. */
const FIRST_WAIT_MS = 8_000;
/** A subscription that lived so long, in milliseconds, was no failure. */
const STABLE_MS = 10_000;

export interface CourierOptions {
  readonly link: Link;
  readonly place: Place;
  readonly session: LegacySession;
  readonly tools: ToolHeaders;
  readonly outage: Outage;
  /** How long a message waits for a gateway that is away, in milliseconds. */
  readonly waitMs: number;
  readonly random: () => number;
  /** Takes what the other side says of its own accord. */
  forward(message: Buffer): void;
  say(text: string): void;
  /** The session was opened anew. */
  onRenewed(): void;
}

/** Brings parcels to the gateway: waits while it is away, opens a lost session anew, takes broken streams up again. */
export class Courier {
  readonly #options: CourierOptions;
  /** Parcels with open requests, by the keys of those. */
  readonly #pending = new Map<string, Parcel>();
  #renewing: Promise<Failure | undefined> | undefined;

  constructor(options: CourierOptions) {
    this.#options = options;
  }

  pending(key: string): Parcel | undefined {
    return this.#pending.get(key);
  }

  /** Delivers a client's parcel. Resolves when all is answered, or with what to answer instead. Never rejects. */
  async deliver(parcel: Parcel): Promise<Failure | undefined> {
    const keys = [...parcel.open.keys()];
    for (const key of keys) this.#pending.set(key, parcel);
    try {
      const isFirst = parcel.method === 'initialize' || parcel.method === 'server/discover';
      const { waitMs } = this.#options;
      return await this.send(parcel, isFirst ? Math.min(waitMs, FIRST_WAIT_MS) : waitMs);
    } finally {
      for (const key of keys) if (this.#pending.get(key) === parcel) this.#pending.delete(key);
    }
  }

  /** The same for a parcel of our own, whose ids may be those of the client's. */
  async send(parcel: Parcel, waitMs: number = this.#options.waitMs): Promise<Failure | undefined> {
    const { random, outage, session } = this.#options;
    const { signal } = parcel.abort;
    let deadline: number | undefined;
    let healed = false;
    let relisted = false;
    for (let attempt = 0; ; attempt++) {
      const usedSession = parcel.era === 'legacy' && parcel.method !== 'initialize' ? session.id : undefined;
      const startedAt = performance.now();
      const answer = this.#post(parcel);
      const end = await Promise.race([answer.ended, parcel.answered]);
      if (end === undefined || signal.aborted) return undefined;
      const verdict = judge(parcel, end, usedSession !== undefined, this.#options.place, waitMs);
      if (verdict.kind === 'done') return undefined;
      if (verdict.kind === 'session-lost') {
        if (healed) return verdict.failure;
        healed = true;
        const failure = await this.renew(usedSession!);
        if (failure !== undefined) return failure;
        continue;
      }
      if (verdict.kind === 'headers' && !relisted) {
        relisted = true;
        if (await relist(parcel, (page) => this.send(page), this.#options.tools)) continue;
      }
      if (parcel.isCancelled) return undefined;
      if (verdict.kind === 'cut' && (await this.#resume(parcel, answer.position))) return undefined;
      if (verdict.kind !== 'away' && !(verdict.kind === 'cut' && parcel.isRepeatable)) return verdict.failure;
      const now = performance.now();
      if (parcel.isSubscribed && now - startedAt > STABLE_MS) attempt = 0;
      deadline ??= now + waitMs;
      if (now >= deadline && !parcel.isSubscribed) return verdict.failure;
      outage.begins(verdict.reason);
      parcel.isWaiting = true;
      const leftMs = parcel.isSubscribed ? Number.POSITIVE_INFINITY : deadline - now;
      if (!(await pause(Math.min(backoffMs(attempt, random()), leftMs), signal))) return undefined;
    }
  }

  /** Opens the session anew when it is still the one that was lost. Resolves with what went wrong. */
  renew(lost: string): Promise<Failure | undefined> {
    if (this.#options.session.id !== lost) return Promise.resolve(undefined);
    this.#renewing ??= this.#openAnew().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  /** Takes one JSON text from the other side; `parcel` is the one whose answer it came in. */
  receive(text: Buffer, parcel: Parcel | undefined): void {
    let messages;
    try {
      ({ messages } = readMessages(text));
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      const begin = JSON.stringify(text.toString('utf8', 0, 80));
      this.#options.say(`left out what is no MCP message (it begins with ${begin}): ${error.message}`);
      if (parcel !== undefined) parcel.oddity = `it begins with ${begin}`;
      return;
    }
    for (const message of messages) {
      const { object } = message;
      const bytes = object.bytes.subarray(object.start, object.end);
      if (message.kind === 'result' || message.kind === 'error') this.#reply(message, bytes, parcel);
      else if (message.method !== 'notifications/subscriptions/acknowledged' || parcel === undefined)
        this.#options.forward(bytes);
      else {
        // The client knows nothing of a subscription's second start.
        if (!parcel.isSubscribed) this.#options.forward(bytes);
        parcel.isSubscribed = true;
      }
    }
  }

  #reply(reply: RpcReply, text: Buffer, parcel: Parcel | undefined): void {
    if (reply.id === undefined) {
      // An error without an id can only be meant for the one request that it answers.
      const [only] = parcel?.open.entries() ?? [];
      if (reply.kind !== 'error' || only === undefined || parcel!.open.size !== 1) return;
      const { error } = reply;
      parcel!.close(only[0], reply, errorMessage(only[1], error.bytes.subarray(error.start, error.end)));
      return;
    }
    const key = idKey(reply.id);
    const owner = parcel?.open.has(key) === true ? parcel : this.#pending.get(key);
    // What was answered before, or is no longer wanted, has no owner.
    if (owner?.open.has(key) === true) owner.close(key, reply, text);
  }

  #post(parcel: Parcel): HttpAnswer {
    const { link, session, outage } = this.#options;
    parcel.isWaiting = false;
    parcel.oddity = undefined;
    const headers: [string, string][] = [
      ['Content-Type', 'application/json'],
      ['Accept', 'application/json, text/event-stream'],
    ];
    if (parcel.era === 'modern') headers.push(...this.#modernHeaders(parcel));
    else if (parcel.method !== 'initialize') headers.push(...session.headers());
    const answer = link.open(
      { method: 'POST', headers, body: parcel.body, headMs: ANSWER_MS, idleMs: ANSWER_MS },
      {
        onHead: (head) => {
          parcel.head = head;
          if (![429, 502, 503, 504].includes(head.status)) outage.ends();
        },
        onMessage: (text) => this.receive(text, parcel),
      },
    );
    abortWith(parcel, answer);
    return answer;
  }

  #modernHeaders(parcel: Parcel): [string, string][] {
    const first = parcel.messages[0]!;
    if (first.kind !== 'request' && first.kind !== 'notification') return [];
    const tool = first.method === 'tools/call' ? first.params?.string('name') : undefined;
    return requestHeaders(first, LATEST_MODERN, this.#options.tools.of(tool));
  }

  /**
   * Goes on with a stream that ended before the answer came, where the server gave its events ids (2025-11-25, Transports,
   * "Resumability and Redelivery"). `false` when that is not possible.
   */
  async #resume(parcel: Parcel, from: StreamPosition): Promise<boolean> {
    if (parcel.era !== 'legacy' || from.lastEventId === undefined) return false;
    const { link, session, random, waitMs } = this.#options;
    const { signal } = parcel.abort;
    let { lastEventId, retryMs } = from;
    let deadline = performance.now() + waitMs;
    for (let attempt = 0; ; attempt++) {
      if (!(await pause(Math.max(retryMs ?? 0, backoffMs(attempt, random())), signal))) return true;
      if (parcel.isCancelled || parcel.open.size === 0) return true;
      const answer = link.open(
        {
          method: 'GET',
          headers: [['Accept', 'text/event-stream'], ...session.headers(), ['Last-Event-ID', lastEventId]],
          body: undefined,
          headMs: ANSWER_MS,
          idleMs: ANSWER_MS,
        },
        { onHead: () => undefined, onMessage: (text) => this.receive(text, parcel) },
      );
      abortWith(parcel, answer);
      const end = await Promise.race([answer.ended, parcel.answered]);
      if (end === undefined || signal.aborted) return true;
      if (end.kind === 'foreign' || (end.kind === 'refused' && !isPassing(end))) return false;
      lastEventId = answer.position.lastEventId ?? lastEventId;
      retryMs = answer.position.retryMs ?? retryMs;
      if (answer.isStream) deadline = performance.now() + waitMs;
      else if (performance.now() >= deadline) return false;
    }
  }

  async #openAnew(): Promise<Failure | undefined> {
    const { session, say, onRenewed } = this.#options;
    const { initialize, initialized } = session;
    if (initialize === undefined) return failureOf(new GatewayError('session-unknown'));
    say('the session ended on the other side; opening it anew');
    let reply: RpcReply | undefined;
    const hello = ownParcel(initialize, (one) => {
      reply = one;
    });
    const failure = await this.send(hello);
    if (failure !== undefined) return failure;
    if (reply?.kind !== 'result') return reply === undefined ? undefined : errorIn(reply);
    session.opened(hello.head, reply.result.string('protocolVersion'));
    if (initialized === undefined) return undefined;
    const refused = await this.send(ownParcel(initialized, () => undefined));
    if (refused === undefined) onRenewed();
    return refused;
  }
}

/** A parcel whose replies the client does not see. */
export function ownParcel(body: Buffer, onReply: (reply: RpcReply) => void): Parcel {
  return new Parcel({ body, messages: readMessages(body).messages, era: 'legacy', onReply });
}

function errorIn({ error }: Extract<RpcReply, { kind: 'error' }>): Failure {
  return { error: error.bytes.subarray(error.start, error.end), text: error.string('message') ?? 'refused' };
}

function isPassing(end: Extract<AnswerEnd, { kind: 'refused' }>): boolean {
  return end.head.status >= 500 || end.head.status === 429 || end.head.status === 409;
}

function abortWith(parcel: Parcel, answer: HttpAnswer): void {
  const abort = (): void => answer.abort();
  parcel.abort.signal.addEventListener('abort', abort, { once: true });
  void answer.ended.then(() => parcel.abort.signal.removeEventListener('abort', abort));
}
