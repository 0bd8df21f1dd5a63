import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace';
import { errorChain, type Log } from '../log.ts';
import type { TraceCounts } from './tracing-deps.ts';

export interface SpanQueueOptions {
  /** Spans that may wait; more are dropped. */
  readonly spansMax: number;
  /** Spans of one message: writing it is work in one piece. */
  readonly batchMax: number;
  /** How long a span may wait for others. */
  readonly delayMs: number;
  /** How often one message is sent before its spans are given up. */
  readonly triesMax: number;
  /** What is left at the end has so long to go out. */
  readonly closeMs: number;
}

export const SPAN_QUEUE: SpanQueueOptions = {
  spansMax: 4_096,
  batchMax: 128,
  delayMs: 2_000,
  triesMax: 3,
  closeMs: 1_500,
};

/** The result of an export that went well (OpenTelemetry, `ExportResultCode.SUCCESS`). */
const SUCCESS = 0;

/**
 * Spans on their way to a collector, one message at a time. Bounded, so that a collector that is slow, hangs or is gone costs spans and nothing
 * else; the library's own queue does not count what it loses.
 */
export class SpanQueue implements SpanProcessor {
  readonly #exporter: SpanExporter;
  readonly #log: Log;
  readonly #options: SpanQueueOptions;
  #waiting: ReadableSpan[] = [];
  #sending: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #tries = 0;
  #isClosed = false;
  #sent = 0;
  #failed = 0;
  #dropped = 0;

  constructor(exporter: SpanExporter, log: Log, options: SpanQueueOptions = SPAN_QUEUE) {
    this.#exporter = exporter;
    this.#log = log;
    this.#options = options;
  }

  counts(): TraceCounts {
    return {
      sent: this.#sent,
      failed: this.#failed,
      dropped: this.#dropped,
      waiting: this.#waiting.length,
    };
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (this.#isClosed || (span.spanContext().traceFlags & 1) === 0) return;
    if (this.#waiting.length >= this.#options.spansMax) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(span);
    if (this.#waiting.length === this.#options.batchMax && this.#tries === 0) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), this.#options.delayMs).unref();
  }

  /** Sends what waits, as far as the collector takes it in time. */
  async forceFlush(): Promise<void> {
    const deadline = performance.now() + this.#options.closeMs;
    while (this.#waiting.length > 0 && performance.now() < deadline) {
      const before = this.#sent;
      this.#send();
      await within(deadline - performance.now(), this.#sending);
      if (this.#sent === before) return;
    }
  }

  async shutdown(): Promise<void> {
    await this.forceFlush();
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#failed += this.#waiting.length;
    this.#waiting = [];
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#sending !== undefined || this.#waiting.length === 0) return;
    const batch = this.#waiting.slice(0, this.#options.batchMax);
    this.#sending = this.#export(batch).then((error) => {
      this.#sending = undefined;
      if (!this.#isClosed) this.#settle(batch.length, error);
    });
  }

  #settle(spans: number, error: unknown): void {
    if (error === undefined) {
      if (this.#tries > 0) this.#log.info('traces are sent again');
      this.#tries = 0;
      this.#sent += spans;
      this.#waiting.splice(0, spans);
    } else {
      this.#tries++;
      if (this.#tries === 1) this.#log.warn('traces cannot be sent', { reason: errorChain(error) });
      // From then on each message has one try: there is always a newer one.
      if (this.#tries >= this.#options.triesMax) {
        this.#failed += spans;
        this.#waiting.splice(0, spans);
      }
    }
    if (this.#waiting.length === 0) return;
    const isFull = error === undefined && this.#waiting.length >= this.#options.batchMax;
    if (isFull) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), this.#options.delayMs).unref();
  }

  /** Resolves with what went wrong. */
  #export(batch: ReadableSpan[]): Promise<unknown> {
    return new Promise((resolve) => {
      try {
        this.#exporter.export(batch, ({ code, error }: { code: number; error?: Error }) => {
          resolve(code === SUCCESS ? undefined : (error ?? new Error('the collector did not take them')));
        });
      } catch (error) {
        resolve(error);
      }
    });
  }
}

async function within(ms: number, event: Promise<void> | undefined): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([event, over]);
  clearTimeout(timer);
}
