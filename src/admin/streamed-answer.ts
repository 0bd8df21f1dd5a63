import type { AdminExchange } from './admin-ports.ts';

/** An answer that is too large to be held: text in pieces, made while its reader takes it. */
export class StreamedAnswer {
  readonly #contentType: string;
  readonly #pieces: (gone: AbortSignal) => AsyncIterable<string>;

  /** `pieces`: each is sent at once; `gone` is aborted when nobody reads any more. */
  constructor(contentType: string, pieces: (gone: AbortSignal) => AsyncIterable<string>) {
    this.#contentType = contentType;
    this.#pieces = pieces;
  }

  /** Sends it. Fails before the first byte as any operation does; after it the connection is broken off, so that nobody takes it for whole. */
  async send(exchange: AdminExchange): Promise<void> {
    const gone = new AbortController();
    exchange.onGone(() => gone.abort());
    const pieces = this.#pieces(gone.signal)[Symbol.asyncIterator]();
    let next = await pieces.next();
    const answer = exchange.openAnswer({ 'content-type': this.#contentType, 'cache-control': 'no-store' });
    try {
      for (; next.done !== true && !exchange.isGone; next = await pieces.next())
        if (!answer.write(Buffer.from(next.value))) await drained(exchange, answer);
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
