import { randomBytes } from 'node:crypto';

/** Events of one session that can be sent again. */
const EVENTS_MAX = 512;
const BYTES_MAX = 1024 * 1024;
/** How long an event can be sent again, in milliseconds. */
const KEPT_MS = 5 * 60_000;
/** The number of a stream's last event, whatever came before it: the id alone says that nothing follows. */
const LAST = 999_999_999;
/** Longer ids of requests are left out of event ids, which clients send back in a header. */
const REQUEST_ID_BYTES_MAX = 96;

interface Kept {
  readonly owner: Replay;
  readonly stream: number;
  readonly seq: number;
  readonly id: string;
  readonly data: Buffer;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

/** What all sessions together may keep: when it is too much, the oldest goes first, whosever it is. */
export class ReplayBudget {
  readonly #max: number;
  readonly #kept = new Set<Kept>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#max = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(kept: Kept): void {
    for (const oldest of this.#kept) {
      if (this.#bytes + kept.data.length <= this.#max) break;
      oldest.owner.drop(oldest);
    }
    this.#kept.add(kept);
    this.#bytes += kept.data.length;
  }

  remove(kept: Kept): void {
    if (this.#kept.delete(kept)) this.#bytes -= kept.data.length;
  }
}

/** The place in a session's streams that an event id names. */
export interface Place {
  /** 0 is the stream of the GET request, others are of POST requests. */
  readonly stream: number;
  /** Whether it was this process that gave the id out, and in this session. */
  readonly isOurs: boolean;
  /** Nothing comes after it. */
  readonly isLast: boolean;
  /** The id of the stream's request, as JSON text. */
  readonly requestId: Buffer | undefined;
  /** What came on the stream since, as far as it is kept. */
  readonly missed: readonly { readonly id: string; readonly data: Buffer }[];
}

const EVENT_ID = /^([\w-]{8})-(\d{1,9})-(\d{1,9})(?:-([\w-]{1,128}))?$/;

/**
 * The latest events of one session's streams, for a client that comes back with `Last-Event-ID` (2025-11-25, Transports, "Resumability and
 * Redelivery"). Ids name the process too, since another one counts anew, and the request, so that another one can say that it is lost.
 */
export class Replay {
  readonly #budget: ReplayBudget;
  readonly #origin = randomBytes(6).toString('base64url');
  /** In the order in which they came. */
  readonly #kept = new Set<Kept>();
  #bytes = 0;
  #streams = 0;
  /** Streams that go on: the number of their latest event, and what their ids end in. */
  readonly #open = new Map<number, { seq: number; readonly suffix: string }>([[0, { seq: 0, suffix: '' }]]);

  constructor(budget: ReplayBudget) {
    this.#budget = budget;
  }

  /** Number of a new stream, for a request with that id as JSON text. */
  openStream(requestId?: Buffer): number {
    const stream = ++this.#streams;
    const isShort = requestId !== undefined && requestId.length <= REQUEST_ID_BYTES_MAX;
    this.#open.set(stream, { seq: 0, suffix: isShort ? `-${requestId.toString('base64url')}` : '' });
    return stream;
  }

  /** The id of the place where an open stream is, before its next event. */
  place(stream: number): string {
    return this.#id(stream, this.#open.get(stream)!.seq);
  }

  /** Keeps an event; its id. */
  record(stream: number, data: Buffer): string {
    const open = this.#open.get(stream)!;
    return this.#keep(stream, ++open.seq, data);
  }

  /** Keeps the last event of a stream; its id. */
  recordLast(stream: number, data: Buffer): string {
    return this.#keep(stream, LAST, data);
  }

  /** What an event id names; `undefined` when it is none of ours. */
  find(id: string): Place | undefined {
    const match = EVENT_ID.exec(id);
    if (match === null) return undefined;
    const stream = Number(match[2]);
    const seq = Number(match[3]);
    const isOurs = match[1] === this.#origin && stream <= this.#streams;
    const after = isOurs ? [...this.#kept].filter((kept) => kept.stream === stream && kept.seq > seq) : [];
    return {
      stream,
      isOurs,
      isLast: stream !== 0 && seq === LAST,
      requestId: requestIdIn(match[4]),
      missed: after.map((kept) => ({ id: kept.id, data: kept.data })),
    };
  }

  /** The id that says that a stream has ended, for an event that is not kept. */
  static lastId(place: Place): string {
    const suffix = place.requestId === undefined ? '' : `-${place.requestId.toString('base64url')}`;
    return `${'-'.repeat(8)}-${place.stream}-${LAST}${suffix}`;
  }

  /** No more events will come on this stream; those that are kept stay for a client that missed them. */
  endStream(stream: number): void {
    this.#open.delete(stream);
  }

  /** Forgets a stream that never reached its client. */
  forgetStream(stream: number): void {
    this.#open.delete(stream);
    for (const kept of this.#kept) if (kept.stream === stream) this.drop(kept);
  }

  /** Forgets events that nobody came back for. */
  sweep(now: number): void {
    for (const kept of this.#kept) {
      if (now - kept.at <= KEPT_MS) break;
      this.drop(kept);
    }
  }

  clear(): void {
    for (const kept of this.#kept) this.drop(kept);
  }

  drop(kept: Kept): void {
    if (!this.#kept.delete(kept)) return;
    this.#bytes -= kept.data.length;
    this.#budget.remove(kept);
  }

  #keep(stream: number, seq: number, data: Buffer): string {
    const id = this.#id(stream, seq);
    if (data.length > BYTES_MAX) return id;
    for (const oldest of this.#kept) {
      if (this.#kept.size < EVENTS_MAX && this.#bytes + data.length <= BYTES_MAX) break;
      this.drop(oldest);
    }
    // A copy, since a slice would keep all of what came with it.
    const kept: Kept = { owner: this, stream, seq, id, data: Buffer.from(data), at: Date.now() };
    this.#budget.add(kept);
    this.#kept.add(kept);
    this.#bytes += data.length;
    return id;
  }

  #id(stream: number, seq: number): string {
    return `${this.#origin}-${stream}-${seq}${this.#open.get(stream)?.suffix ?? ''}`;
  }
}

/** The id of a request that an event id ends in, when it is one: a client may send anything. */
function requestIdIn(text: string | undefined): Buffer | undefined {
  if (text === undefined) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  try {
    const id: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof id === 'string' || typeof id === 'number' ? bytes : undefined;
  } catch {
    return undefined;
  }
}
