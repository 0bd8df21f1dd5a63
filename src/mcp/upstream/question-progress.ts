import type { JsonObject } from '../../core/json-scan.ts';
import { notificationMessage, withValue } from '../wire/compose.ts';

/**
 * Tells a server how far a client is with its question, under the server's own token. One at a time, since over HTTP each is a request of its
 * own and they must keep their order; of those that come meanwhile, the last.
 */
export class QuestionProgress {
  readonly #token: Buffer;
  readonly #tell: (message: Buffer) => Promise<void>;
  #isTelling = false;
  #next: Buffer | undefined;
  #isOver = false;

  /** `token`: JSON text. `tell` never rejects. */
  constructor(token: Buffer, tell: (message: Buffer) => Promise<void>) {
    this.#token = token;
    this.#tell = tell;
  }

  /** `params`: of the client's notification. */
  report(params: JsonObject): void {
    if (this.#isOver) return;
    this.#next = notificationMessage(
      'notifications/progress',
      withValue(params, 'progressToken', this.#token),
    );
    if (!this.#isTelling) void this.#drain();
  }

  /** The question is answered: nothing more is told. */
  end(): void {
    this.#isOver = true;
    this.#next = undefined;
  }

  async #drain(): Promise<void> {
    this.#isTelling = true;
    for (let next = this.#next; next !== undefined; next = this.#next) {
      this.#next = undefined;
      await this.#tell(next);
    }
    this.#isTelling = false;
  }
}
