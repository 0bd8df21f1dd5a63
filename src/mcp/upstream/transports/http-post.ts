import { GatewayError } from '../../../core/errors.ts';
import type { Seated } from '../../../core/roster.ts';
import type {
  HttpFailure,
  HttpRequest,
  RequestHandle,
  ResponseHead,
  ResponseSink,
  Target,
} from '../../../net/http-client.ts';
import { SseParser, SseTooLargeError } from '../../../net/sse-parser.ts';
import { pong } from '../../wire/compose.ts';
import {
  brokenReplyId,
  type RpcId,
  type RpcMessage,
  type RpcReply,
  readMessage,
  readMessages,
} from '../../wire/message.ts';
import { type ExceededBound, tooLarge, UpstreamFailure } from '../failure.ts';
import type { HeaderLine, OutboundRequest, TransportEvents } from '../transport.ts';
import { fromHttpFailure, isModernRequest, isOutlived, refusal } from './http-refusal.ts';

/** Bytes of a refusal's body that are looked at. */
const EXCERPT_BYTES = 4_096;
/** Milliseconds until a stream that ended early is taken up again, when the server names no time of its own. */
const RESUME_MS = 1_000;
const RESUME_MS_MAX = 60_000;
/** Milliseconds that a stream may stay open after the reply. */
const LINGER_MS = 1_000;
/** Times in a row that a stream is taken up again without anything new coming. */
const RESUMES_MAX = 5;

/** What a POST needs of its transport. */
export interface PostOwner {
  readonly target: Target;
  readonly responseBytesMax: number;
  /** Of one event. */
  readonly messageBytesMax: number;
  readonly events: TransportEvents;
  send(request: HttpRequest, sink: ResponseSink): RequestHandle;
  /** The GET that takes a broken stream up again after the event with that id; `undefined` when this server has no such thing. */
  resumption(request: OutboundRequest, lastEventId: string): HttpRequest | undefined;
  /** The session that the answer to `initialize` opened. */
  openSession(id: string): void;
  /** Nobody waits for the answer any more. */
  cancel(request: OutboundRequest): void;
  done(post: HttpPost): void;
  /** Sends a response to a request of the server's. */
  answer(message: Buffer): void;
}

/** One message on its way over streamable HTTP, up to its reply. A class, because one is made for every call. */
export class HttpPost implements ResponseSink, Seated {
  seat = -1;
  readonly promise: Promise<RpcReply | undefined>;
  readonly #owner: PostOwner;
  /** `undefined` for a notification, which wants no reply. */
  readonly #expected: OutboundRequest | undefined;
  readonly #hadSession: boolean;
  #handle: RequestHandle;
  #resolve: (reply: RpcReply | undefined) => void = () => undefined;
  #reject: (failure: UpstreamFailure) => void = () => undefined;
  #onCancel: ((reason: string) => void) | undefined;
  #settled = false;
  #head: ResponseHead | undefined;
  #chunks: Buffer[] = [];
  /** Of a body in several chunks whose length is known: what they are copied into, so that it is held once. */
  #body: Buffer | undefined;
  #bytes = 0;
  #sse: SseParser | undefined;
  #lastEventId: string | undefined;
  #retryMs = RESUME_MS;
  #resumes = 0;
  #resuming: NodeJS.Timeout | undefined;
  #lingering: NodeJS.Timeout | undefined;

  constructor(
    owner: PostOwner,
    request: HttpRequest,
    expected: OutboundRequest | undefined,
    hadSession: boolean,
  ) {
    this.#owner = owner;
    this.#expected = expected;
    this.#hadSession = hadSession;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#handle = owner.send(request, this);
    if (expected?.cancellation !== undefined) {
      const onCancel = (reason: string): void => this.#abandon(reason);
      this.#onCancel = onCancel;
      expected.cancellation.on(onCancel);
    }
  }

  /** Headers beyond the transport's own. */
  get requestHeaders(): readonly HeaderLine[] {
    return this.#expected?.headers ?? [];
  }

  /** Ends it because the transport ends. */
  close(): void {
    this.#handle.abort();
    this.#fail(new UpstreamFailure('stopped', 'the connection was closed'));
  }

  onHead(head: ResponseHead): void {
    this.#head = head;
    if (head.status >= 300) return;
    const session = head.headers['mcp-session-id'];
    if (session !== undefined && this.#expected?.method === 'initialize') this.#owner.openSession(session);
    if (head.headers['content-type']?.toLowerCase().includes('text/event-stream') === true) {
      this.#sse = new SseParser({
        eventBytesMax: this.#owner.messageBytesMax,
        onEvent: (event) => {
          if (event.id !== undefined && event.id !== this.#lastEventId) {
            this.#lastEventId = event.id;
            this.#resumes = 0;
          }
          if (event.data.length > 0) this.#deliver(event.data);
        },
        onRetry: (ms) => {
          this.#retryMs = Math.min(ms, RESUME_MS_MAX);
        },
      });
    }
  }

  onData(chunk: Buffer): void {
    if (this.#sse === undefined) {
      if (this.#head!.status >= 300 && this.#bytes > EXCERPT_BYTES) return;
      if (this.#bytes + chunk.length > this.#owner.responseBytesMax)
        this.#tooLarge('limits.upstream_response_bytes_max', this.#owner.responseBytesMax);
      else this.#collect(chunk);
      return;
    }
    try {
      this.#sse.push(chunk);
    } catch (error) {
      if (!(error instanceof SseTooLargeError)) throw error;
      this.#tooLarge('limits.message_bytes_max', this.#owner.messageBytesMax);
    }
  }

  #collect(chunk: Buffer): void {
    const { status, headers } = this.#head!;
    // Of a refusal not all is kept.
    if (this.#bytes === 0 && status < 300) {
      const length = Number(headers['content-length']);
      if (length > chunk.length && length <= this.#owner.responseBytesMax)
        this.#body = Buffer.allocUnsafe(length);
    }
    if (this.#body === undefined) this.#chunks.push(chunk);
    else chunk.copy(this.#body, this.#bytes);
    this.#bytes += chunk.length;
  }

  #takeBody(): Buffer {
    const chunks = this.#chunks;
    const body = this.#body;
    this.#chunks = [];
    this.#body = undefined;
    if (body !== undefined) return body.subarray(0, this.#bytes);
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  }

  onEnd(): void {
    clearTimeout(this.#lingering);
    if (this.#settled) return;
    const { status } = this.#head!;
    const body = this.#takeBody();
    if (status >= 300) this.#refused(status, body);
    else if (this.#expected === undefined) this.#settle(undefined);
    else if (this.#sse !== undefined) {
      if (!this.#resume())
        this.#fail(new UpstreamFailure('closed', 'the event stream ended before the answer came'));
    } else if (body.length === 0)
      this.#fail(new UpstreamFailure('protocol', `HTTP ${status} without a body`));
    else {
      this.#deliver(body);
      if (!this.#settled)
        this.#fail(
          new UpstreamFailure('protocol', 'it answered with a message that is no answer to the request'),
        );
    }
  }

  onError(failure: HttpFailure): void {
    clearTimeout(this.#lingering);
    if (this.#settled) return;
    if (failure.kind === 'reset' && this.#sse !== undefined && this.#resume()) return;
    if (failure.kind === 'timeout' && this.#expected !== undefined) this.#owner.cancel(this.#expected);
    this.#fail(fromHttpFailure(failure));
  }

  /**
   * Takes the stream up again where it broke off, when the server numbers its events (2025-11-25, Transports, "Resumability and
   * Redelivery"). Tells whether it will.
   */
  #resume(): boolean {
    if (this.#settled || this.#lastEventId === undefined || this.#expected === undefined) return false;
    if (this.#resumes >= RESUMES_MAX) return false;
    const request = this.#owner.resumption(this.#expected, this.#lastEventId);
    if (request === undefined) return false;
    this.#resumes++;
    this.#resuming = setTimeout(() => {
      if (!this.#settled) this.#handle = this.#owner.send(request, this);
    }, this.#retryMs);
    return true;
  }

  /** A status of 300 or more: a JSON-RPC error in the body is the reply, unless the status itself means something. */
  #refused(status: number, body: Buffer): void {
    const found = status === 401 || status === 403 ? undefined : errorReplyIn(body, this.#expected?.id);
    const isStale = this.#isOutlived(status, body, found);
    const reply = isStale ? undefined : found;
    if (reply === undefined) this.#fail(refusal(this.#head!, body, this.#owner.target, isStale));
    else this.#settle(reply);
  }

  /** Whether the refusal is of what was agreed when the connection began. A request that begins one can outlive nothing. */
  #isOutlived(status: number, body: Buffer, reply: RpcReply | undefined): boolean {
    const method = this.#expected?.method;
    if (method === 'initialize' || method === 'server/discover') return false;
    const isModern = this.#expected !== undefined && isModernRequest(this.#expected.headers);
    const excerpt = body.toString('utf8', 0, EXCERPT_BYTES);
    return isOutlived({ status, excerpt, reply }, { hadSession: this.#hadSession, isModern });
  }

  /** Takes one message of the response, or several (2025-03-26 has batches). */
  #deliver(bytes: Buffer): void {
    if (this.#settled) return;
    let messages: readonly RpcMessage[];
    try {
      messages = readMessages(bytes).messages;
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      // Something odd on a stream need not be the answer.
      if (
        this.#sse !== undefined &&
        error.code === 'rpc-invalid' &&
        !this.#isExpected(brokenReplyId(bytes))
      ) {
        this.#owner.events.onOddity(bytes.toString('utf8', 0, 200));
        return;
      }
      this.#handle.abort();
      this.#fail(
        new UpstreamFailure(
          'protocol',
          `${error.message} It begins with ${JSON.stringify(bytes.toString('utf8', 0, 80))}`,
        ),
      );
      return;
    }
    for (const message of messages) this.#take(message);
  }

  #isExpected(id: RpcId | undefined): boolean {
    return id !== undefined && Number(id) === this.#expected?.id;
  }

  /** What is not the reply is for the transport's owner. */
  #take(message: RpcMessage): void {
    if (this.#settled) return;
    switch (message.kind) {
      case 'request':
        if (message.method === 'ping') this.#owner.answer(pong(message));
        else if (this.#expected?.related === undefined)
          this.#owner.events.onRequest(message, this.#owner.answer, true);
        else this.#expected.related(message);
        return;
      case 'notification':
        if (this.#expected?.related === undefined) this.#owner.events.onNotification(message);
        else this.#expected.related(message);
        return;
      default:
        if (isReplyTo(message, this.#expected?.id)) this.#settle(message);
    }
  }

  #tooLarge(limit: ExceededBound['limit'], max: number): void {
    this.#handle.abort();
    this.#chunks = [];
    this.#body = undefined;
    this.#fail(tooLarge({ limit, max }));
  }

  #abandon(reason: string): void {
    this.#handle.abort();
    if (this.#expected !== undefined) this.#owner.cancel(this.#expected);
    this.#fail(new UpstreamFailure('cancelled', reason));
  }

  #settle(reply: RpcReply | undefined): void {
    if (!this.#finish()) return;
    this.#resolve(reply);
    // A stream that stays open after the reply has nothing more to say.
    if (this.#sse !== undefined) this.#lingering = setTimeout(() => this.#handle.abort(), LINGER_MS).unref();
  }

  #fail(failure: UpstreamFailure): void {
    if (this.#finish()) this.#reject(failure);
  }

  #finish(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    clearTimeout(this.#resuming);
    this.#owner.done(this);
    if (this.#onCancel !== undefined) this.#expected?.cancellation?.off(this.#onCancel);
    return true;
  }
}

function isReplyTo(message: RpcReply, id: number | undefined): boolean {
  return (
    id !== undefined &&
    (message.id === id || Number(message.id) === id || (message.kind === 'error' && message.id === undefined))
  );
}

function errorReplyIn(body: Buffer, id: number | undefined): RpcReply | undefined {
  if (id === undefined || body.length === 0) return undefined;
  try {
    const message = readMessage(body);
    return message.kind === 'error' && isReplyTo(message, id) ? message : undefined;
  } catch {
    return undefined;
  }
}
