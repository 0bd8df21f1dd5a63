import { codingOf, createDecompressor, type Decompressor } from '../../net/decompress.ts';
import {
  type HttpClient,
  type HttpFailure,
  type RequestHandle,
  type ResponseHead,
  type ResponseSink,
} from '../../net/http-client.ts';
import type { Format } from '../conversation/format.ts';
import { LlmFailure } from '../conversation/llm-failure.ts';
import type { Deployment } from '../providers/deployment.ts';
import type { Operation } from '../providers/provider-table.ts';
import type { Prepared } from './prepared.ts';
import { fromHttp, nameOf, unsendable, withWarning } from './provider-failures.ts';

const ERROR_BYTES_MAX = 1024 * 1024;
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Milliseconds. */
export interface ProviderTimeouts {
  readonly connectMs: number;
  /** From the sending to the head of the answer, and to the first event of a stream. */
  readonly firstByteMs: number;
  /** Between two pieces of the answer. */
  readonly idleMs: number;
  readonly totalMs: number;
}

export interface ProviderCall {
  readonly deployment: Deployment;
  readonly format: Format;
  readonly operation: Operation;
  readonly isStream: boolean;
  readonly body: Buffer;
  /** Of the client's own, those that the provider shall see. */
  readonly headers: readonly (readonly [string, string])[];
  readonly timeouts: ProviderTimeouts;
}

/** Hears of a provider's answer: the head of a good one, its data without their coding, and exactly one of end and failure. */
export interface ProviderSink {
  onHead(head: ResponseHead): void;
  onData(chunk: Buffer): void;
  onEnd(): void;
  onFailure(failure: LlmFailure): void;
}

/** A request to a provider. */
export interface ProviderHandle extends RequestHandle {
  /** The first event of a streamed answer has come. */
  heard(): void;
}

/** What sending takes. */
export interface SendDeps {
  readonly http: HttpClient;
  readonly prepared: Prepared;
}

/** Sends a request to a provider. What is no answer becomes a failure. After `abort` nothing is heard any more. */
export function sendToProvider(call: ProviderCall, sink: ProviderSink, deps: SendDeps): ProviderHandle {
  const response = new ProviderResponse(call, sink);
  let handle: RequestHandle;
  try {
    const { target, headers } = deps.prepared
      .of(call.deployment)
      .address(call.format.name, call.operation, call.isStream);
    handle = deps.http.send(
      {
        target,
        method: 'POST',
        headers: call.headers.length === 0 ? headers : [...call.headers, ...headers],
        body: call.body,
        connectTimeoutMs: call.timeouts.connectMs,
        headTimeoutMs: call.timeouts.firstByteMs,
        idleTimeoutMs: call.timeouts.idleMs,
        totalTimeoutMs: call.timeouts.totalMs,
        bodyBytesMax: undefined,
        takesCodings: true,
      },
      response,
    );
  } catch (error) {
    queueMicrotask(() => sink.onFailure(unsendable(call.deployment, error)));
    return { abort() {}, pause() {}, resume() {}, heard() {} };
  }
  response.begin(handle);
  return response;
}

class ProviderResponse implements ResponseSink, ProviderHandle {
  readonly #call: ProviderCall;
  readonly #sink: ProviderSink;
  #handle: RequestHandle | undefined;
  #head: ResponseHead | undefined;
  #refusal: Buffer[] | undefined;
  #refusalBytes = 0;
  #decompressor: Decompressor | undefined;
  #silence: NodeJS.Timeout | undefined;
  /** Who reads has enough for now; what undoes the coding has. */
  #isHeld = false;
  #isFull = false;
  #isOver = false;

  constructor(call: ProviderCall, sink: ProviderSink) {
    this.#call = call;
    this.#sink = sink;
  }

  begin(handle: RequestHandle): void {
    this.#handle = handle;
    const { isStream, timeouts } = this.#call;
    if (isStream)
      this.#silence = setTimeout(
        () =>
          this.#fail(
            new LlmFailure(
              'timeout',
              `${nameOf(this.#call.deployment)} sent no event within ${timeouts.firstByteMs / 1_000} s.`,
              { status: 504 },
            ),
          ),
        Math.min(timeouts.firstByteMs, TIMER_MS_MAX),
      ).unref();
  }

  heard(): void {
    clearTimeout(this.#silence);
  }

  abort(): void {
    this.#over();
    this.#handle?.abort();
  }

  pause(): void {
    this.#isHeld = true;
    this.#decompressor?.pause();
    this.#handle?.pause();
  }

  resume(): void {
    this.#isHeld = false;
    this.#decompressor?.resume();
    if (!this.#isFull) this.#handle?.resume();
  }

  onHead(head: ResponseHead): void {
    if (this.#isOver) return;
    this.#head = head;
    const { status, headers } = head;
    if (status >= 300 && status < 400) {
      this.#fail(
        new LlmFailure(
          'upstream',
          `${nameOf(this.#call.deployment)} answered with a redirect (HTTP ${status}), which is not followed. The operator must correct litellm_params.api_base.`,
          { status: 502, code: 'upstream_config' },
        ),
      );
      return;
    }
    const coding = codingOf(headers['content-encoding']);
    if (coding === undefined) {
      this.#fail(
        new LlmFailure(
          'upstream',
          `${nameOf(this.#call.deployment)} answered in a coding that is not known: ${headers['content-encoding']?.slice(0, 80)}.`,
          { status: 502 },
        ),
      );
      return;
    }
    if (coding !== 'identity')
      this.#decompressor = createDecompressor(coding, {
        onData: (chunk) => this.#onPlain(chunk),
        onDrain: () => {
          this.#isFull = false;
          if (!this.#isHeld) this.#handle?.resume();
        },
        onEnd: () => this.#onPlainEnd(),
        onError: (error) => this.#onDamage(error),
      });
    if (status < 200 || status >= 300) this.#refusal = [];
    else this.#sink.onHead(head);
  }

  onData(chunk: Buffer): void {
    if (this.#isOver) return;
    if (this.#decompressor === undefined) this.#onPlain(chunk);
    else if (!this.#decompressor.write(chunk)) {
      this.#isFull = true;
      this.#handle?.pause();
    }
  }

  onEnd(): void {
    if (this.#isOver) return;
    if (this.#decompressor === undefined) this.#onPlainEnd();
    else this.#decompressor.end();
  }

  onError(failure: HttpFailure): void {
    if (this.#isOver) return;
    // An error status says more than that its body broke off.
    if (this.#refusal !== undefined) this.#onPlainEnd();
    else this.#fail(fromHttp(failure, this.#call.deployment, this.#head !== undefined));
  }

  #onDamage(error: Error): void {
    if (this.#isOver) return;
    if (this.#refusal !== undefined) this.#onPlainEnd();
    else
      this.#fail(
        new LlmFailure('cut', `${nameOf(this.#call.deployment)} sent a damaged answer: ${error.message}.`, {
          status: 502,
          code: 'upstream_cut',
          cause: error,
        }),
      );
  }

  #onPlain(chunk: Buffer): void {
    if (this.#isOver) return;
    if (this.#refusal === undefined) {
      this.#sink.onData(chunk);
      return;
    }
    this.#refusalBytes += chunk.length;
    if (this.#refusalBytes <= ERROR_BYTES_MAX) this.#refusal.push(chunk);
  }

  #onPlainEnd(): void {
    if (this.#isOver) return;
    this.#over();
    if (this.#refusal === undefined) {
      this.#sink.onEnd();
      return;
    }
    const { status, headers } = this.#head!;
    const body = Buffer.concat(this.#refusal);
    this.#sink.onFailure(
      withWarning(this.#call.format.readError(status, headers, body), this.#call.deployment),
    );
  }

  #fail(failure: LlmFailure): void {
    if (this.#isOver) return;
    this.#over();
    this.#handle?.abort();
    this.#sink.onFailure(failure);
  }

  #over(): void {
    this.#isOver = true;
    clearTimeout(this.#silence);
    this.#decompressor?.destroy();
  }
}
