import type { AdminExchange } from './admin-ports.ts';

/** Bytes that are gathered for one write. */
const CHUNK_CHARACTERS = 64 * 1024;

/** An answer that is too large to be held: text in pieces, made while its reader takes it. */
export class StreamedAnswer {
  readonly #contentType: string;
  readonly #pieces: AsyncIterable<string>;

  constructor(contentType: string, pieces: AsyncIterable<string>) {
    this.#contentType = contentType;
    this.#pieces = pieces;
  }

  /** Sends it. Fails before the first byte as any operation does; after it the connection is broken off, so that nobody takes it for whole. */
  async send(exchange: AdminExchange): Promise<void> {
    const pieces = this.#pieces[Symbol.asyncIterator]();
    let next = await pieces.next();
    const answer = exchange.openAnswer({ 'content-type': this.#contentType, 'cache-control': 'no-store' });
    let text = '';
    try {
      for (; next.done !== true && !exchange.isGone; next = await pieces.next()) {
        text += next.value;
        if (text.length < CHUNK_CHARACTERS && next.value !== '') continue;
        const isTaken = answer.write(Buffer.from(text));
        text = '';
        if (!isTaken) await drained(exchange, answer);
      }
      if (text !== '') answer.write(Buffer.from(text));
      answer.end();
    } catch (error) {
      answer.destroy();
      throw new StreamBroken(error);
    } finally {
      await pieces.return?.();
    }
  }
}

/** Thrown when an answer broke off that had begun: there is nothing more to be said to its reader. */
export class StreamBroken extends Error {
  constructor(cause: unknown) {
    super('an answer broke off', { cause });
  }
}

function drained(exchange: AdminExchange, answer: { onDrain(listener: () => void): void }): Promise<void> {
  return new Promise((resolve) => {
    answer.onDrain(resolve);
    exchange.onGone(resolve);
  });
}
