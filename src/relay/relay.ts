import type { Readable, Writable } from 'node:stream';
import { GatewayError } from '../core/errors.ts';
import {
  type Era,
  errorMessage,
  errorObject,
  eraOf,
  idIn,
  META_VERSION,
  readMessages,
  type RpcMessage,
  type RpcReply,
} from '../mcp/client-wire.ts';
import type { HttpClient, ResponseHead, Target } from '../net/http-client.ts';
import { LineSplitter } from '../net/line-splitter.ts';
import { Courier } from './courier.ts';
import type { Failure } from './failure.ts';
import { LegacySession } from './legacy-session.ts';
import { Link } from './link.ts';
import { Listener } from './listener.ts';
import { Outage } from './outage.ts';
import { Load, type LoadBounds } from './load.ts';
import { Output } from './output.ts';
import { idKey, Parcel } from './parcel.ts';
import { ToolHeaders } from './tool-headers.ts';

export interface RelayBounds extends LoadBounds {
  readonly lineBytesMax: number;
  readonly messageBytesMax: number;
  /** How long a message waits for a gateway that is away, in milliseconds. */
  readonly waitMs: number;
  /** How long the last answers may take after the input has ended, in milliseconds. */
  readonly drainMs: number;
}

export interface RelayOptions {
  readonly input: Readable;
  /** Carries messages and nothing else. */
  readonly output: Writable;
  readonly http: HttpClient;
  readonly target: Target;
  /** What `target` is called in words, when not by its address. */
  readonly name?: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Where the key in `headers` comes from, in words. */
  readonly keySource: string | undefined;
  readonly bounds: RelayBounds;
  /** Ends the relay at once. */
  readonly signal: AbortSignal;
  /** Takes words for a person. */
  say(text: string): void;
}

/** Why a relay ended. */
export type RelayEnd = 'input-ended' | 'asked' | 'output-gone' | 'line-too-long';

/** Time for what is said on leaving, in milliseconds. */
const GOODBYE_MS = 2_000;

/**
 * Connects a client on stdio with an MCP endpoint over streamable HTTP, whatever revision they speak with each other: every message
 * passes as the bytes it came as. Resolves when the input has ended and all is answered, or as soon as `signal` is given or the output
 * is gone.
 */
export async function relayStdio(options: RelayOptions): Promise<RelayEnd> {
  return new Relay(options).run();
}

class Relay {
  readonly #options: RelayOptions;
  readonly #output: Output;
  readonly #link: Link;
  readonly #session = new LegacySession();
  readonly #tools = new ToolHeaders();
  readonly #courier: Courier;
  readonly #listener: Listener;
  readonly #load: Load;
  /** How the client speaks, as far as it has shown. */
  #era: Era = 'legacy';
  /** What legacy messages wait for: a handshake under way. */
  #gate: Promise<unknown> = Promise.resolve();
  #onIdle: (() => void) | undefined;
  #end: (end: RelayEnd) => void = () => undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
    const { http, target, headers, keySource, bounds, say } = options;
    const address = options.name ?? `${target.origin}${target.path.replace(/\?.*/, '')}`;
    this.#load = new Load(bounds);
    this.#output = new Output(options.output, {
      onFull: () => {
        this.#link.pause();
        this.#throttle();
      },
      onFree: () => {
        this.#link.resume();
        this.#options.input.resume();
      },
      onGone: () => this.#end('output-gone'),
    });
    this.#link = new Link({ http, target, headers, messageBytesMax: bounds.messageBytesMax });
    this.#courier = new Courier({
      link: this.#link,
      place: { address, keySource },
      session: this.#session,
      tools: this.#tools,
      outage: new Outage(address, say),
      waitMs: bounds.waitMs,
      random: Math.random,
      forward: (message) => this.#output.send(message),
      say,
      onRenewed: () => this.#listener.start(),
    });
    this.#listener = new Listener({
      link: this.#link,
      random: Math.random,
      headers: () => this.#session.headers(),
      onMessage: (text) => this.#courier.receive(text, undefined),
      onSessionLost: () => void this.#renew(),
    });
  }

  async run(): Promise<RelayEnd> {
    const { input, signal, bounds } = this.#options;
    const ended = new Promise<RelayEnd>((resolve) => {
      this.#end = resolve;
      const lines = new LineSplitter(
        bounds.lineBytesMax,
        (line) => this.#onLine(line),
        () => {
          const error = new GatewayError('relay-line', { max: bounds.lineBytesMax });
          this.#output.send(errorMessage(undefined, errorObject(error)));
          this.#options.say(error.message);
          resolve('line-too-long');
        },
      );
      input.on('data', (chunk: Buffer) => {
        lines.push(chunk);
        this.#throttle();
      });
      input.once('end', () => {
        // The last line may lack its line break.
        lines.push(Buffer.from('\n'));
        resolve('input-ended');
      });
      input.once('close', () => resolve('input-ended'));
      input.once('error', () => resolve('input-ended'));
      signal.addEventListener('abort', () => resolve('asked'), { once: true });
      if (signal.aborted) resolve('asked');
    });
    const end = await ended;
    input.pause();
    if (end === 'input-ended' || end === 'line-too-long') await this.#drain();
    await this.#leave();
    return end;
  }

  #onLine(line: Buffer): void {
    if (line.length === 0) return;
    // The line's memory belongs to the stream's chunk, which other lines share; a message on its way keeps its own.
    const body = Buffer.from(line);
    let messages: readonly RpcMessage[];
    try {
      ({ messages } = readMessages(body));
      this.#load.check(body, messages);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.#refuse(body, error);
      return;
    }
    const era = this.#eraOf(messages[0]!);
    if (this.#isHandled(messages[0]!, era)) return;
    const parcel = new Parcel({
      body,
      messages,
      era,
      onReply: (reply, text, head) => this.#answer(messages, reply, text, head),
    });
    void this.#take(parcel);
  }

  #refuse(body: Buffer, error: GatewayError): void {
    const id = idIn(body);
    if (id !== undefined || error.code !== 'relay-busy')
      this.#output.send(errorMessage(id, errorObject(error)));
    else this.#options.say(error.message);
  }

  /** Requests show their era; what shows none belongs to the conversation so far. */
  #eraOf(message: RpcMessage): Era {
    if (message.kind === 'result' || message.kind === 'error') return this.#era;
    const claimed = message.params?.child('_meta')?.string(META_VERSION);
    if (claimed !== undefined && eraOf(claimed) !== 'legacy') this.#era = 'modern';
    else if (message.kind === 'request') this.#era = 'legacy';
    return this.#era;
  }

  /** Deals with messages that do not go over HTTP. */
  #isHandled(message: RpcMessage, era: Era): boolean {
    if (message.kind === 'result' || message.kind === 'error') {
      if (era === 'modern')
        this.#options.say('left out a response: revision 2026-07-28 has none from clients');
      return era === 'modern';
    }
    if (message.method !== 'notifications/cancelled') return false;
    const id = message.params?.value('requestId');
    const parcel =
      typeof id === 'string' || typeof id === 'number' ? this.#courier.pending(idKey(id)) : undefined;
    if (parcel === undefined) return era === 'modern';
    parcel.isCancelled = true;
    // Over HTTP, closing the response cancels a modern request (2026-07-28, "Cancellation"). One that is not there yet needs no more.
    if (parcel.era === 'legacy' && !parcel.isWaiting) return false;
    parcel.open.clear();
    parcel.abort.abort();
    return true;
  }

  async #take(parcel: Parcel): Promise<void> {
    this.#load.add(parcel);
    const before = this.#gate;
    const { method } = parcel;
    const isInitialize = method === 'initialize' && parcel.era === 'legacy';
    const isInitialized = method === 'notifications/initialized' && parcel.era === 'legacy';
    if (isInitialize) {
      this.#listener.stop();
      this.#session.begin(parcel.body);
    }
    const delivery = this.#deliver(parcel, isInitialize ? undefined : before);
    if (isInitialize || isInitialized) this.#gate = delivery;
    const failure = await delivery;
    this.#load.remove(parcel);
    if (failure !== undefined) this.#fail(parcel, failure);
    else if (isInitialized && !this.#options.signal.aborted) {
      this.#session.initialized = parcel.body;
      this.#listener.start();
    }
    if (this.#load.parcels.size === 0) this.#onIdle?.();
  }

  async #deliver(parcel: Parcel, before: Promise<unknown> | undefined): Promise<Failure | undefined> {
    if (parcel.era === 'legacy' && before !== undefined) await before;
    return parcel.abort.signal.aborted ? undefined : this.#courier.deliver(parcel);
  }

  /** Learns from a reply what later messages need, and hands it on. */
  #answer(
    messages: readonly RpcMessage[],
    reply: RpcReply,
    text: Buffer,
    head: ResponseHead | undefined,
  ): void {
    const request = messages.find((one) => one.kind === 'request' && one.id === reply.id);
    if (request?.kind === 'request' && reply.kind === 'result') {
      if (request.method === 'initialize') this.#session.opened(head, reply.result.string('protocolVersion'));
      if (request.method === 'tools/list')
        this.#tools.learn(reply.result, request.params?.has('cursor') !== true);
    }
    this.#output.send(text);
  }

  #fail(parcel: Parcel, failure: Failure): void {
    if (parcel.isCancelled) return;
    if (parcel.messages.every((message) => message.kind !== 'request') || parcel.method === 'initialize')
      this.#options.say(failure.text);
    for (const id of parcel.open.values()) this.#output.send(errorMessage(id, failure.error));
  }

  async #renew(): Promise<void> {
    const lost = this.#session.id;
    const failure = lost === undefined ? undefined : await this.#courier.renew(lost);
    if (failure !== undefined) this.#options.say(failure.text);
  }

  /** Stops reading while the client is so far behind that even errors would pile up. */
  #throttle(): void {
    if (this.#output.isFull && this.#output.waitingBytes > this.#options.bounds.bytesMax)
      this.#options.input.pause();
  }

  /** Waits for what is under way, but for subscriptions, which end with the input. */
  async #drain(): Promise<void> {
    const { bounds, signal } = this.#options;
    for (const parcel of this.#load.parcels)
      if (parcel.method === 'subscriptions/listen') parcel.abort.abort();
    if (this.#load.parcels.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      const end = (): void => resolve();
      this.#end = end;
      timer = setTimeout(resolve, bounds.drainMs);
      signal.addEventListener('abort', () => resolve(), { once: true });
      if (signal.aborted) resolve();
    });
    clearTimeout(timer);
  }

  async #leave(): Promise<void> {
    const goodbye = AbortSignal.timeout(GOODBYE_MS);
    this.#listener.stop();
    for (const parcel of this.#load.parcels) parcel.abort.abort();
    this.#link.abortAll();
    await this.#output.flush(goodbye);
    if (this.#session.id === undefined) return;
    const farewell = this.#link.open(
      {
        method: 'DELETE',
        headers: this.#session.headers(),
        body: undefined,
        headMs: GOODBYE_MS,
        idleMs: GOODBYE_MS,
      },
      { onHead: () => undefined, onMessage: () => undefined },
    );
    this.#link.resume();
    await farewell.ended;
  }
}
