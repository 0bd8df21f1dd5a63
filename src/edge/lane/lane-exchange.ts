import type { IncomingHttpHeaders } from 'node:http';
import { GatewayError } from '../../core/errors.ts';
import { type Body, bytesOf, type EventStream, whole } from '../../gateway/exchange.ts';
import type { EdgeExchange } from '../edge-exchange.ts';
import { isJsonType } from '../body-facts.ts';
import { BUFFERED_BYTES_MAX, eventText, STREAM_HEADERS, takesStream } from '../event-stream.ts';
import { LaneEvents } from './lane-events.ts';
import type { Carrier, ExchangeShared } from './lane-ports.ts';
import type { RequestHead } from './request-head.ts';

/** An Exchange on a connection of the lane. */
export class LaneExchange implements EdgeExchange {
  readonly method = 'POST';
  readonly requestId: string;
  readonly startedMs: number;
  names: readonly string[] | undefined;
  seat = -1;
  bytesOut = 0;
  readonly #carrier: Carrier;
  readonly #head: RequestHead;
  readonly #shared: ExchangeShared;
  #goneListeners: (() => void)[] | undefined;
  #events: LaneEvents | undefined;
  #answered = false;
  /** Monotonic milliseconds when something was last written before the answer. */
  #spokenMs: number;
  #streamHeaders: Readonly<Record<string, string>> | undefined;
  #onBegin: (() => void) | undefined;
  #isGone = false;

  constructor(carrier: Carrier, head: RequestHead, shared: ExchangeShared) {
    this.#carrier = carrier;
    this.#head = head;
    this.#shared = shared;
    this.requestId = shared.newId();
    this.startedMs = shared.clock.monotonicMs();
    this.#spokenMs = this.startedMs;
  }

  get path(): string {
    return this.#head.path;
  }

  get query(): string | undefined {
    return this.#head.query;
  }

  get headers(): IncomingHttpHeaders {
    return this.#head.headers;
  }

  get remoteAddress(): string {
    return this.#carrier.remoteAddress;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  onGone(listener: () => void): void {
    if (this.#isGone) listener();
    else (this.#goneListeners ??= []).push(listener);
  }

  body(): Promise<Buffer> {
    const type = this.headers['content-type'];
    if (type !== undefined && !isJsonType(type))
      return Promise.reject(new GatewayError('body-type', { type: type.slice(0, 80) }));
    const body = this.#carrier.takeBody();
    if (body !== undefined) return Promise.resolve(body);
    return new Promise((resolve, reject) => {
      this.#carrier.readBody({
        resolve,
        reject: (received) =>
          reject(new GatewayError('body-cut', { received, expected: this.#head.contentLength })),
      });
    });
  }

  send(
    status: number,
    headers: Readonly<Record<string, string>> | undefined,
    body: Body | undefined,
    eventId?: string,
  ): void {
    if (this.#answered) return;
    this.#shared.slow.delete(this);
    this.bytesOut = bytesOf(body);
    if (this.#isGone || this.#events !== undefined) this.#answered = true;
    if (this.#isGone) return;
    if (this.#events !== undefined) {
      if (body !== undefined) this.#events.write(eventText('message', whole(body), eventId));
      this.#events.end();
      return;
    }
    const fields: Record<string, string> = { ...headers, 'x-request-id': this.requestId };
    if (body !== undefined && fields['content-type'] === undefined)
      fields['content-type'] = 'application/json';
    // Throws on a header that cannot be sent, before anything is; then another answer may follow.
    this.#carrier.answer(status, fields, body, this.bytesOut);
    this.#answered = true;
  }

  openStream(
    headers: Readonly<Record<string, string>> = {},
    brings: 'news' | 'answers' = 'news',
  ): EventStream {
    const events = this.#stream(headers);
    this.#answered = true;
    events.write(': open\n\n');
    return this.#shared.streams.hold(events, this, brings);
  }

  event(data: Buffer, id?: string): boolean {
    if (this.#answered || this.#isGone || !takesStream(this.headers.accept)) return false;
    if (this.#carrier.writableLength > BUFFERED_BYTES_MAX) return false;
    const events = this.#begin();
    this.#spokenMs = this.#shared.clock.monotonicMs();
    events.write(eventText(data.length === 0 ? undefined : 'message', data, id));
    return true;
  }

  mayStream(headers?: Readonly<Record<string, string>>, onBegin?: () => void): void {
    this.#streamHeaders = headers;
    this.#onBegin = onBegin;
    if (takesStream(this.headers.accept) && !this.#answered) this.#shared.slow.add(this);
  }

  keepAlive(silentMs: number): void {
    if (this.#answered || this.#isGone) {
      this.#shared.slow.delete(this);
      return;
    }
    if (this.#shared.clock.monotonicMs() - this.#spokenMs < silentMs) return;
    if (this.#events === undefined) this.#onBegin?.();
    const events = this.#begin();
    this.#spokenMs = this.#shared.clock.monotonicMs();
    if (this.#carrier.writableLength < BUFFERED_BYTES_MAX) events.write(': working\n\n');
  }

  /** Called by the connection when the client has gone before the end of the answer. */
  leave(): void {
    this.#isGone = !this.#answered;
    this.#shared.slow.delete(this);
    const listeners = this.#goneListeners;
    this.#goneListeners = undefined;
    if (this.#isGone) for (const listener of listeners ?? []) listener();
    this.#events?.onClose();
  }

  /** The answer as an event stream that something is said on before the answer itself. */
  #begin(): LaneEvents {
    if (this.#events === undefined) this.#shared.slow.add(this);
    return this.#stream(this.#streamHeaders);
  }

  /** The answer as an event stream; its head is written with the first use. */
  #stream(headers: Readonly<Record<string, string>> = {}): LaneEvents {
    if (this.#events === undefined) {
      this.#events = new LaneEvents(this.#carrier, {
        ...STREAM_HEADERS,
        ...headers,
        'x-request-id': this.requestId,
      });
    }
    return this.#events;
  }
}
