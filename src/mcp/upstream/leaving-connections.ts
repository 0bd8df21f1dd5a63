import { withDeadline } from '../../core/scope.ts';
import type { Connection } from './connection.ts';

const CLOSE_MS = 8_000;

/** Connections that were given up. Calls over them may be answered still, within their deadlines; then they are closed. */
export class LeavingConnections {
  readonly #connections = new Set<Connection>();
  readonly #closing = new Set<Promise<unknown>>();
  readonly #onTrouble: (error: unknown) => void;

  constructor(onTrouble: (error: unknown) => void) {
    this.#onTrouble = onTrouble;
  }

  /** Closes a connection as soon as no call is under way on it; `at once`: calls that are fail. */
  add(connection: Connection, when: 'idle' | 'at once'): void {
    this.#connections.add(connection);
    const close = (): Promise<void> =>
      withDeadline(Promise.resolve(connection[Symbol.asyncDispose]()), CLOSE_MS, 'closing');
    const closing = (when === 'idle' ? connection.idle().then(close) : close())
      .catch(this.#onTrouble)
      .finally(() => {
        this.#connections.delete(connection);
        this.#closing.delete(closing);
      });
    this.#closing.add(closing);
  }

  /** Gives up calls whose deadlines have passed. */
  check(nowMs: number): void {
    for (const connection of this.#connections) connection.check(nowMs);
  }

  /** Closes all of them; what is under way fails. Never rejects. */
  async end(): Promise<void> {
    await Promise.allSettled([
      ...[...this.#connections].map((connection) => connection[Symbol.asyncDispose]()),
      ...this.#closing,
    ]);
  }
}
