import type { Socket } from 'node:net';
import type { PoolClient } from 'pg';
import { ConnectionCut } from './errors.ts';
import { Mask } from './masking.ts';
import type { Transaction } from './runaways.ts';

const NOTICES_MAX = 20;
const NOTICE_CHARACTERS_MAX = 500;

/** One checked-out connection: its limits, its notices, and the knife for when a limit is passed. */
export class Session {
  readonly client: PoolClient;
  readonly notices: string[] = [];
  /** What the server works on for it, once a transaction has begun. */
  transaction: Transaction | undefined;
  /** Whose columns are masked in what it reads; nothing before it is set. */
  mask: Mask = new Mask([], []);
  readonly #socket: Socket;
  readonly #wireBytesMax: number;
  readonly #gone = Promise.withResolvers<never>();
  #startBytes: number;
  #broken: Error | undefined;
  #retired = false;

  /** `wireBytesMax`: bytes that may arrive between two calls of `nextBatch`. */
  constructor(client: PoolClient, wireBytesMax: number) {
    this.client = client;
    this.#wireBytesMax = wireBytesMax;
    this.#socket = (
      client as unknown as { readonly connection: { readonly stream: Socket } }
    ).connection.stream;
    this.#startBytes = this.#socket.bytesRead;
    this.#gone.promise.catch(() => undefined);
    client.on('error', this.#onError);
    client.on('notice', this.#onNotice);
    this.#socket.on('data', this.#onData);
  }

  /** Why the connection can no longer be used. */
  get broken(): Error | undefined {
    return this.#broken;
  }

  /** Rejects when the connection breaks: a cursor that waits does not hear of it. */
  get gone(): Promise<never> {
    return this.#gone.promise;
  }

  /** Bytes that have arrived since the last call; counting begins anew. */
  nextBatch(): number {
    const bytes = this.#socket.bytesRead - this.#startBytes;
    this.#startBytes = this.#socket.bytesRead;
    return bytes;
  }

  /** Ends the connection; what waits on it fails with `reason`. */
  cut(reason: string): void {
    this.#onError(new ConnectionCut(reason));
    this.#socket.destroy();
  }

  /** The connection is ended when it is given back: something is left on it that no reset takes away. */
  retire(): void {
    this.#retired = true;
  }

  /** Gives the connection back, or throws it away when it is broken or retired. */
  release(): void {
    this.#socket.off('data', this.#onData);
    this.client.off('notice', this.#onNotice);
    this.client.release(this.#broken !== undefined || this.#retired);
    // A broken client may still report; without a listener that would end the process.
    if (this.#broken === undefined) this.client.off('error', this.#onError);
  }

  readonly #onError = (error: Error): void => {
    this.#broken ??= error;
    this.#gone.reject(this.#broken);
  };

  readonly #onNotice = (notice: {
    readonly severity?: string | undefined;
    readonly message?: string | undefined;
  }): void => {
    if (this.notices.length >= NOTICES_MAX) return;
    this.notices.push(
      `${notice.severity ?? 'NOTICE'}: ${notice.message ?? ''}`.slice(0, NOTICE_CHARACTERS_MAX),
    );
  };

  readonly #onData = (): void => {
    if (this.#socket.bytesRead - this.#startBytes <= this.#wireBytesMax) return;
    const mebibytes = this.#wireBytesMax / (1024 * 1024);
    this.cut(
      `rows or cells are so large that ${mebibytes} MiB arrived at once; select fewer columns, or substring() of long ones`,
    );
  };
}
