import { withDeadline } from '../../core/scope.ts';
import type { Connection } from './connection.ts';

const CLOSE_MS = 8_000;

/** Connections that are given up, until they are closed. */
export class ClosingConnections implements AsyncDisposable {
  readonly #onFailure: (error: unknown) => void;
  readonly #busy = new Set<Connection>();
  readonly #closing = new Set<Promise<unknown>>();

  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /** Closes it without waiting for that; its calls fail. */
  now(connection: Connection): void {
    const closed = Promise.resolve(connection[Symbol.asyncDispose]());
    const closing = withDeadline(closed, CLOSE_MS, 'closing')
      .catch(this.#onFailure)
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  /** Closes it when its calls are answered; their own deadlines still end them. */
  whenIdle(connection: Connection): void {
    this.#busy.add(connection);
    void connection.idle().then(() => {
      if (this.#busy.delete(connection)) this.now(connection);
    });
  }

  /** Gives up calls whose deadlines have passed. */
  check(nowMs: number): void {
    for (const connection of this.#busy) connection.check(nowMs);
  }

  /** Closes all of them at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of [...this.#busy]) this.now(connection);
    this.#busy.clear();
    await Promise.allSettled([...this.#closing]);
  }
}
