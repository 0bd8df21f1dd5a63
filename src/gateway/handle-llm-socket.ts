import type { IncomingHttpHeaders } from 'node:http';
import { type ConnectionMemories, type ConnectionMemory, LlmFailure, writeFailure } from '../llm/llm-wire.ts';
import type { Exchange } from './exchange.ts';
import { FrameExchange } from './frame-exchange.ts';
import { handleLlm, type HandleLlmDeps } from './handle-llm.ts';
import { refuse } from './llm-refusal.ts';
import type { Ending, MessageSocket, SocketSession } from './message-socket.ts';
import { type CreateFrame, errorFrame, readClientFrame } from './response-frames.ts';

/** As OpenAI's (OpenAI, "WebSocket mode", "Limits per connection"): answers at a time, and names of lanes. */
const RUNNING_MAX = 16;
const LANES_MAX = 32;
/** Requests that may wait for their turn on one connection. */
const WAITING_MAX = 64;

export interface HandleLlmSocketDeps {
  readonly memories: ConnectionMemories;
  readonly newId: () => string;
  /** By the configuration that is in force. */
  readonly llm: () => HandleLlmDeps;
}

/** Judges a request for a WebSocket to models. */
export function openLlmSocket(
  upgrade: Exchange,
  deps: HandleLlmSocketDeps,
): ((socket: MessageSocket) => SocketSession) | undefined {
  const llm = deps.llm();
  try {
    llm.authenticate(upgrade, false); // 401, 403
  } catch (error) {
    refuse(error, 'responses', upgrade, llm);
    return undefined;
  }
  return (socket) => new LlmSocket(upgrade, socket, deps);
}

/**
 * `WS /v1/responses` (OpenAI, "WebSocket mode"): each `response.create` goes the way of a POST of the same body. Requests of one lane run one after
 * the other, lanes beside each other.
 */
class LlmSocket implements SocketSession {
  readonly #upgrade: Exchange;
  readonly #socket: MessageSocket;
  readonly #deps: HandleLlmSocketDeps;
  readonly #headers: IncomingHttpHeaders;
  readonly #memory: ConnectionMemory;
  readonly #lanes = new Set<string>();
  /** In the order in which they came. */
  readonly #waiting: CreateFrame[] = [];
  #waitingBytes = 0;
  /** By lane. */
  readonly #running = new Map<string | undefined, FrameExchange>();
  readonly #openedMs: number;
  #requests = 0;
  #ending: Ending | undefined;
  #isGone = false;

  constructor(upgrade: Exchange, socket: MessageSocket, deps: HandleLlmSocketDeps) {
    this.#upgrade = upgrade;
    this.#socket = socket;
    this.#deps = deps;
    this.#headers = requestHeaders(upgrade.headers);
    this.#memory = deps.memories.open();
    this.#openedMs = deps.llm().clock.monotonicMs();
  }

  get isBusy(): boolean {
    return this.#running.size > 0;
  }

  onMessage(data: Buffer, isBinary: boolean): void {
    let streamId: string | undefined;
    try {
      const frame = readClientFrame(data, isBinary);
      if (frame.kind === 'processed') return;
      streamId = frame.streamId;
      this.#admit(frame);
    } catch (error) {
      if (!(error instanceof LlmFailure)) throw error;
      this.#refuse(error, streamId);
    }
  }

  onGone(): void {
    this.#isGone = true;
    this.#waiting.length = 0;
    for (const exchange of this.#running.values()) exchange.leave();
    this.#memory.close();
    const { log, clock } = this.#deps.llm();
    log.info('WebSocket closed', {
      request: this.#upgrade.requestId,
      path: this.#upgrade.path,
      totalMs: Math.round(clock.monotonicMs() - this.#openedMs),
      requests: this.#requests,
    });
  }

  finish(ending: Ending): void {
    if (this.#ending !== undefined || this.#isGone) return;
    this.#ending = ending;
    if (ending.isTold) this.#tell(ending, undefined);
    for (const frame of this.#waiting.splice(0)) this.#tell(ending, frame.streamId);
    if (!this.isBusy) this.#socket.close(ending.closeCode, ending.reason);
  }

  /** Begins it, or has it wait. Throws LlmFailure. */
  #admit(frame: CreateFrame): void {
    const { streamId, body } = frame;
    if (this.#ending !== undefined) {
      this.#tell(this.#ending, streamId);
      return;
    }
    if (streamId !== undefined && !this.#lanes.has(streamId)) {
      if (this.#lanes.size >= LANES_MAX)
        throw new LlmFailure(
          'invalid',
          `This WebSocket connection has reached its maximum number of distinct stream IDs (${LANES_MAX}). Reuse an existing stream_id or open a new WebSocket connection.`,
          { status: 400, param: 'stream_id', code: 'websocket_stream_limit_reached' },
        );
      this.#lanes.add(streamId);
    }
    const { bodyBytesMax } = this.#deps.llm();
    const isFull = this.#waiting.length > 0 && this.#waitingBytes + body.length > bodyBytesMax;
    if (isFull || this.#waiting.length >= WAITING_MAX)
      throw new LlmFailure(
        'rate-limit',
        `Too much waits on this connection already: at most ${WAITING_MAX} requests and ${bodyBytesMax} bytes. Wait for an answer, or open another connection.`,
        { status: 429, code: 'websocket_queue_full' },
      );
    this.#waiting.push(frame);
    this.#waitingBytes += body.length;
    this.#next();
  }

  /** Begins what need not wait any more. */
  #next(): void {
    for (let at = 0; at < this.#waiting.length && this.#running.size < RUNNING_MAX; ) {
      const frame = this.#waiting[at]!;
      if (this.#running.has(frame.streamId)) {
        at++;
        continue;
      }
      this.#waiting.splice(at, 1);
      this.#waitingBytes -= frame.body.length;
      void this.#run(frame);
    }
  }

  async #run(frame: CreateFrame): Promise<void> {
    const { newId, llm } = this.#deps;
    const deps = llm();
    this.#requests++;
    const exchange = new FrameExchange(this.#upgrade, this.#socket, frame, {
      requestId: newId(),
      startedMs: deps.clock.monotonicMs(),
      headers: this.#headers,
    });
    this.#running.set(frame.streamId, exchange);
    try {
      await handleLlm(exchange, ROUTE, { ...deps, memory: this.#memory });
    } finally {
      exchange.close();
      this.#running.delete(frame.streamId);
      this.#settled();
    }
  }

  #settled(): void {
    if (this.#isGone) return;
    const ending = this.#ending;
    if (ending === undefined) this.#next();
    else if (!this.isBusy) this.#socket.close(ending.closeCode, ending.reason);
  }

  #tell({ status, error }: Ending, streamId: string | undefined): void {
    this.#socket.send(errorFrame(status, { ...error, param: null }, streamId));
  }

  #refuse(failure: LlmFailure, streamId: string | undefined): void {
    const { log } = this.#deps.llm();
    log.info('refused', {
      request: this.#upgrade.requestId,
      path: this.#upgrade.path,
      error: failure.code ?? failure.kind,
      status: failure.status,
    });
    const { status, body } = writeFailure(failure, 'responses');
    const { error } = JSON.parse(body.toString('utf8')) as { error: object };
    this.#socket.send(errorFrame(status, { ...error, code: failure.code ?? null }, streamId));
  }
}

const ROUTE = {
  format: 'responses',
  operation: 'generate',
  model: undefined,
  isStream: undefined,
  framing: 'sse',
} as const;

/** Fields of the upgrade that say nothing of the requests on the connection. */
const OF_THE_UPGRADE = /^(?:connection|upgrade|content-|transfer-encoding$|accept|sec-websocket-)/;
const WEBSOCKET_BETA = /^responses_websockets=/;

function requestHeaders(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const kept: IncomingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) if (!OF_THE_UPGRADE.test(name)) kept[name] = value;
  const betas = betasOf(kept['openai-beta']);
  delete kept['openai-beta'];
  return betas === '' ? kept : { ...kept, 'openai-beta': betas };
}

/** Without that of the WebSocket itself: providers are asked over HTTP. */
function betasOf(value: string | readonly string[] | undefined): string {
  return (typeof value === 'string' ? value.split(',') : (value ?? []))
    .map((beta) => beta.trim())
    .filter((beta) => beta !== '' && !WEBSOCKET_BETA.test(beta))
    .join(', ');
}
