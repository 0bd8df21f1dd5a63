import type { Json } from '../conversation/parts.ts';
import { inputItems, isUnreadable, outputItems } from './items.ts';

/** Conversations that all connections together may keep, in bytes; the least recently used goes first. */
const TOTAL_BYTES_MAX = 256 * 1024 * 1024;
/** Conversations that one connection may keep, and their bytes in all; its newest always stays. */
const KEPT_MAX = 32;
const KEPT_BYTES_MAX = 32 * 1024 * 1024;

/** What the models said and were told, as JSON texts: lists of items, and the input as the client wrote it. */
interface Kept {
  readonly input: Buffer | undefined;
  readonly output: readonly Buffer[];
  readonly bytes: number;
  readonly owner: ConnectionMemory;
}

/** What connections remember, so that all of it together is bounded. */
export class ConnectionMemories {
  readonly #bytesMax: number;
  /** By the connection's number and the id of the answer, the least recently used first. */
  readonly #all = new Map<string, Kept>();
  #bytes = 0;
  #opened = 0;

  constructor(bytesMax = TOTAL_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  open(): ConnectionMemory {
    return new ConnectionMemory(this, `${this.#opened++} `);
  }

  /** For ConnectionMemory alone. */
  put(key: string, kept: Kept): void {
    this.drop(key);
    this.#all.set(key, kept);
    this.#bytes += kept.bytes;
    kept.owner.count(key, kept.bytes);
    for (const [oldest] of this.#all) {
      if (this.#bytes <= this.#bytesMax) return;
      this.drop(oldest);
    }
  }

  /** For ConnectionMemory alone. */
  use(key: string): Kept | undefined {
    const kept = this.#all.get(key);
    if (kept === undefined) return undefined;
    this.#all.delete(key);
    this.#all.set(key, kept);
    kept.owner.forget(key);
    kept.owner.count(key, kept.bytes);
    return kept;
  }

  /** For ConnectionMemory alone. */
  drop(key: string): void {
    const kept = this.#all.get(key);
    if (kept === undefined) return;
    this.#all.delete(key);
    this.#bytes -= kept.bytes;
    kept.owner.forget(key);
  }
}

/**
 * What one connection remembers of its answers, those with `"store": false` too, until it closes: `previous_response_id` may name them (OpenAI,
 * "WebSocket mode").
 */
export class ConnectionMemory {
  readonly #all: ConnectionMemories;
  readonly #prefix: string;
  readonly #sizes = new Map<string, number>();
  #bytes = 0;
  #isClosed = false;

  constructor(all: ConnectionMemories, prefix: string) {
    this.#all = all;
    this.#prefix = prefix;
  }

  /** `input`: as the request with its earlier conversation had it; `output`: lists of items. All JSON texts. */
  remember(id: string, input: Buffer | undefined, output: readonly Buffer[]): void {
    if (this.#isClosed) return;
    const bytes = (input?.length ?? 0) + output.reduce((sum, list) => sum + list.length, 0);
    // What is kept must not keep the whole body and the provider's chunks with it.
    const own = {
      input: input === undefined ? undefined : Buffer.from(input),
      output: output.map((list) => Buffer.from(list)),
    };
    this.#all.put(this.#prefix + id, { ...own, bytes, owner: this });
    for (const key of this.#sizes.keys()) {
      if (this.#sizes.size <= 1 || (this.#sizes.size <= KEPT_MAX && this.#bytes <= KEPT_BYTES_MAX)) return;
      this.#all.drop(key);
    }
  }

  /** The conversation up to and with an answer, as items; `undefined`: it is not known here, or not any more. */
  recall(id: string): readonly Json[] | undefined {
    const kept = this.#all.use(this.#prefix + id);
    if (kept === undefined) return undefined;
    const input = kept.input === undefined ? undefined : (JSON.parse(kept.input.toString('utf8')) as Json);
    const output = kept.output.flatMap((list) => JSON.parse(list.toString('utf8')) as Json[]);
    return [...inputItems(input), ...outputItems(output).filter((item) => !isUnreadable(item))];
  }

  close(): void {
    this.#isClosed = true;
    for (const key of [...this.#sizes.keys()]) this.#all.drop(key);
  }

  /** For ConnectionMemories alone. */
  count(key: string, bytes: number): void {
    this.#sizes.set(key, bytes);
    this.#bytes += bytes;
  }

  /** For ConnectionMemories alone. */
  forget(key: string): void {
    this.#bytes -= this.#sizes.get(key) ?? 0;
    this.#sizes.delete(key);
  }
}
