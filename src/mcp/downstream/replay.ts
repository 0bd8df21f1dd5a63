import { randomBytes } from 'node:crypto';

/** Events of one session that can be sent again. */
const EVENTS_MAX = 512;
const BYTES_MAX = 1024 * 1024;
/** How long an event can be sent again, in milliseconds. */
const KEPT_MS = 5 * 60_000;

/** Bytes that all sessions together may keep. */
export class ReplayBudget {
  readonly #max: number;
  #used = 0;

  constructor(max: number) {
    this.#max = max;
  }

  take(bytes: number): boolean {
    if (this.#used + bytes > this.#max) return false;
    this.#used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}

interface Kept {
  readonly stream: number;
  readonly seq: number;
  readonly data: Buffer;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

/**
 * The latest events of one session's streams, for a client that comes back with `Last-Event-ID` (2025-11-25, Transports, "Resumability and
 * Redelivery"). Ids name the stream, and the process, since another one counts anew.
 */
export class Replay {
  readonly #budget: ReplayBudget;
  readonly #origin = randomBytes(6).toString('base64url');
  #kept: Kept[] = [];
  #bytes = 0;
  #streams = 0;
  #seqs = new Map<number, number>();

  constructor(budget: ReplayBudget) {
    this.#budget = budget;
  }

  /** Number of a new stream. 0 is the stream of the GET request. */
  openStream(): number {
    return ++this.#streams;
  }

  /** The id of a stream's beginning, before its first event. */
  start(stream: number): string {
    return this.#id(stream, 0);
  }

  /** Keeps an event; its id. */
  record(stream: number, data: Buffer): string {
    const seq = (this.#seqs.get(stream) ?? 0) + 1;
    this.#seqs.set(stream, seq);
    if (data.length > BYTES_MAX) return this.#id(stream, seq);
    while (this.#kept.length >= EVENTS_MAX || this.#bytes + data.length > BYTES_MAX) this.#drop();
    if (this.#budget.take(data.length)) {
      // A copy, since a slice would keep all of what came with it.
      this.#kept.push({ stream, seq, data: Buffer.from(data), at: Date.now() });
      this.#bytes += data.length;
    }
    return this.#id(stream, seq);
  }

  /** The stream that an id names and what came on it since; `undefined` when the id is not of this session and process. */
  after(
    id: string,
  ): { readonly stream: number; readonly events: readonly { id: string; data: Buffer }[] } | undefined {
    const match = /^([\w-]{8})-(\d{1,9})-(\d{1,9})$/.exec(id);
    if (match === null || match[1] !== this.#origin) return undefined;
    const stream = Number(match[2]);
    const seq = Number(match[3]);
    const events = this.#kept
      .filter((kept) => kept.stream === stream && kept.seq > seq)
      .map((kept) => ({ id: this.#id(stream, kept.seq), data: kept.data }));
    return { stream, events };
  }

  /** Forgets a stream whose client has everything. */
  endStream(stream: number): void {
    this.#seqs.delete(stream);
    this.#kept = this.#kept.filter((kept) => {
      if (kept.stream !== stream) return true;
      this.#release(kept);
      return false;
    });
  }

  /** Forgets events that nobody came back for. */
  sweep(now: number): void {
    while (this.#kept[0] !== undefined && now - this.#kept[0].at > KEPT_MS) this.#drop();
  }

  clear(): void {
    for (const kept of this.#kept.splice(0)) this.#release(kept);
  }

  #drop(): void {
    const kept = this.#kept.shift();
    if (kept !== undefined) this.#release(kept);
  }

  #release(kept: Kept): void {
    this.#bytes -= kept.data.length;
    this.#budget.give(kept.data.length);
  }

  #id(stream: number, seq: number): string {
    return `${this.#origin}-${stream}-${seq}`;
  }
}
