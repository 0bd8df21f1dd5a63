import { setImmediate as turn } from 'node:timers/promises';
import { withDeadline } from '../core/scope.ts';
import type { BodyStore, CallBody } from '../store/store-ports.ts';
import { errorChain, type Log } from '../telemetry/log.ts';

/** What the writer of bodies holds and waits for. */
export const BODY_BOUNDS = {
  /** Bytes of bodies that wait for the store; what comes beyond it is left out and counted. */
  queueBytesMax: 16 * 1024 * 1024,
  /** How long a body waits for others. */
  gatherMs: 100,
  retryMs: 2_000,
  appendMs: 30_000,
  closeMs: 3_000,
} as const;

const BATCH = 50;
const LOGGED_EVERY = 1_000;

/** A body on its way: made into what is kept only when it is its turn. */
interface Waiting {
  readonly bytes: number;
  make(): CallBody;
}

/**
 * Takes bodies to the store. They are not as durable as records: they wait in memory, and are lost with the process, or when too many wait;
 * the record of their call tells their sizes all the same.
 */
export class BodyWriter implements AsyncDisposable {
  readonly #store: BodyStore;
  readonly #log: Log;
  readonly #bounds: typeof BODY_BOUNDS;
  #queue: Waiting[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #closed = false;
  #dropped = 0;

  constructor(store: BodyStore, log: Log, bounds: Partial<typeof BODY_BOUNDS> = {}) {
    this.#store = store;
    this.#log = log;
    this.#bounds = { ...BODY_BOUNDS, ...bounds };
  }

  /** Bodies that were left out. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Never throws, never waits. */
  add(bytes: number, make: () => CallBody): void {
    if (this.#closed || this.#bytes + bytes > this.#bounds.queueBytesMax) {
      if (this.#dropped++ % LOGGED_EVERY === 0)
        this.#log.warn('bodies of calls are not kept, because the store takes too little', {
          dropped: this.#dropped,
        });
      return;
    }
    this.#bytes += bytes;
    this.#queue.push({ bytes, make });
    this.#schedule(this.#bounds.gatherMs);
  }

  /** Resolves when what waits now is in the store, or could not be brought there. */
  async flush(): Promise<void> {
    await this.#writing;
    await this.#start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await withDeadline(this.flush(), this.#bounds.closeMs, 'storing the last bodies').catch(() => undefined);
    if (this.#queue.length > 0)
      this.#log.warn('bodies of calls were not kept, because the store did not take them in time', {
        bodies: this.#queue.length,
      });
  }

  #schedule(afterMs: number): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#start();
    }, afterMs).unref();
  }

  #start(): Promise<void> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #write(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        const batch = this.#queue.slice(0, BATCH);
        const bodies: CallBody[] = [];
        for (const one of batch) {
          bodies.push(one.make());
          // Each takes a while: others have their turn in between.
          await turn();
        }
        await withDeadline(this.#store.append(bodies), this.#bounds.appendMs, 'storing bodies');
        this.#queue.splice(0, batch.length);
        for (const { bytes } of batch) this.#bytes -= bytes;
      }
    } catch (error) {
      this.#log.warn('bodies of calls cannot be brought to the store; they wait in memory', {
        reason: errorChain(error),
        bodies: this.#queue.length,
      });
      this.#schedule(this.#bounds.retryMs);
    }
  }
}
