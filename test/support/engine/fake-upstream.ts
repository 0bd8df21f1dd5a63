import { UpstreamFailure } from '../../../src/mcp/upstream/failure.ts';
import type { TransportFactory } from '../../../src/mcp/upstream/connect.ts';
import type {
  HeaderLine,
  OutboundRequest,
  Transport,
  TransportEvents,
  TransportKind,
} from '../../../src/mcp/upstream/transport.ts';
import { readMessage, type RpcReply } from '../../../src/mcp/wire/message.ts';

/** A request that the gateway put to a fake server, to be answered by hand. */
export interface FakeRequest {
  readonly transport: FakeTransport;
  readonly id: number;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly headers: readonly HeaderLine[];
  readonly timeoutMs: number;
  /** Why nobody waits for the answer any more. */
  readonly cancelled: string | undefined;
  result(result: unknown): void;
  error(code: number, message?: string): void;
  fail(failure: UpstreamFailure): void;
  /** Says something on this request's own stream. */
  related(message: Readonly<Record<string, unknown>>): void;
}

/** What a fake server does with a request: a result, an error, a failure, or `undefined` to leave it to the test. */
export type FakeAnswer = (request: FakeRequest) => unknown;

/** A transport in memory. What is not answered by its server's table waits for the test. */
export class FakeTransport implements Transport {
  readonly kind: TransportKind;
  readonly pid = undefined;
  readonly events: TransportEvents;
  /** Notifications and answers of the gateway's. */
  readonly told: Record<string, unknown>[] = [];
  readonly #server: FakeUpstream;
  readonly #pending = new Set<(failure: UpstreamFailure) => void>();
  gone: string | undefined;
  disposed = false;

  constructor(kind: TransportKind, events: TransportEvents, server: FakeUpstream) {
    this.kind = kind;
    this.events = events;
    this.#server = server;
    events.signal.addEventListener('abort', () => void this[Symbol.asyncDispose](), { once: true });
  }

  request(request: OutboundRequest): Promise<RpcReply> {
    if (this.gone !== undefined)
      return Promise.reject(new UpstreamFailure('closed', this.gone, { delivered: 'no' }));
    if (this.disposed)
      return Promise.reject(new UpstreamFailure('stopped', 'it was stopped', { delivered: 'no' }));
    return new Promise((resolve, reject) => {
      let cancelled: string | undefined;
      const fail = (failure: UpstreamFailure): void => {
        this.#pending.delete(fail);
        request.cancellation?.off(onCancel);
        reject(failure);
      };
      const onCancel = (reason: string): void => {
        cancelled = reason;
        fail(new UpstreamFailure('cancelled', reason));
      };
      const reply = (member: 'result' | 'error', value: unknown): void => {
        this.#pending.delete(fail);
        request.cancellation?.off(onCancel);
        resolve(messageOf({ id: request.id, [member]: value }) as RpcReply);
      };
      this.#pending.add(fail);
      const sent = JSON.parse(request.message.toString()) as { params?: Record<string, unknown> };
      this.#server.receive({
        transport: this,
        id: request.id,
        method: request.method,
        params: sent.params ?? {},
        headers: request.headers,
        timeoutMs: request.timeoutMs,
        get cancelled() {
          return cancelled;
        },
        result: (value) => reply('result', value),
        error: (code, message = 'no') => reply('error', { code, message }),
        fail,
        related: (message) => request.related?.(messageOf(message) as never),
      });
      request.cancellation?.on(onCancel);
    });
  }

  notify(message: Buffer): Promise<void> {
    this.told.push(JSON.parse(message.toString()) as Record<string, unknown>);
    return Promise.resolve();
  }

  /** Says something on the shared stream. */
  say(message: Readonly<Record<string, unknown>>): void {
    const read = messageOf(message);
    if (read.kind === 'notification') this.events.onNotification(read);
    else if (read.kind === 'request') this.events.onRequest(read, (answer) => void this.notify(answer));
  }

  /** The server dies; what was under way may have taken effect. */
  crash(reason = 'it exited with code 1'): void {
    this.gone = reason;
    for (const fail of [...this.#pending]) fail(new UpstreamFailure('closed', reason));
    this.events.onClosed(reason);
  }

  stderrTail(): string {
    return '';
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true;
    for (const fail of [...this.#pending]) fail(new UpstreamFailure('stopped', 'it was stopped'));
    const { closeFailure } = this.#server;
    return closeFailure === undefined ? Promise.resolve() : Promise.reject(closeFailure);
  }
}

/** A server in memory behind every transport that a factory can open; by default a legacy one with the tool `x`. */
export class FakeUpstream {
  readonly transports: FakeTransport[] = [];
  readonly requests: FakeRequest[] = [];
  /** What is answered at once, by method. */
  readonly answers: Record<string, FakeAnswer> = { ...LEGACY };
  /** Asked before a transport is opened: a failure is how the opening ends, a promise is waited for. */
  onOpen: () => UpstreamFailure | Promise<void> | undefined = () => undefined;
  /** Why transports cannot be closed. */
  closeFailure: Error | undefined;
  kind: TransportKind = 'stdio';
  readonly #taken = new Set<FakeRequest>();
  readonly #waiting = new Set<() => void>();

  readonly factory: TransportFactory = {
    stdio: (_config, events) => this.#open(events),
    inProcess: (_config, events) => this.#open(events),
    http: (_config, _url, events) => this.#make(events),
    sse: (_config, _url, events) => this.#open(events),
  };

  /** The transport that was opened last. */
  get last(): FakeTransport {
    return this.transports.at(-1)!;
  }

  receive(request: FakeRequest): void {
    this.requests.push(request);
    const outcome = this.answers[request.method]?.(request);
    if (outcome instanceof UpstreamFailure) request.fail(outcome);
    else if (outcome instanceof FakeError) request.error(outcome.code);
    else if (outcome !== undefined) request.result(outcome);
    for (const look of this.#waiting) look();
  }

  /** Resolves with the next request of that method that was not taken yet. */
  next(method: string): Promise<FakeRequest> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = this.requests.find((one) => one.method === method && !this.#taken.has(one));
        if (found === undefined) return;
        this.#waiting.delete(look);
        this.#taken.add(found);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }

  count(method: string): number {
    return this.requests.filter((request) => request.method === method).length;
  }

  async #open(events: TransportEvents): Promise<FakeTransport> {
    const outcome = this.onOpen();
    if (outcome instanceof UpstreamFailure) throw outcome;
    await outcome;
    return this.#make(events);
  }

  #make(events: TransportEvents): FakeTransport {
    const transport = new FakeTransport(this.kind, events, this);
    this.transports.push(transport);
    return transport;
  }
}

/** An answer that is an error reply. */
export class FakeError {
  readonly code: number;

  constructor(code: number) {
    this.code = code;
  }
}

const TOOLS = { tools: [{ name: 'x', inputSchema: { type: 'object' } }] };

const LEGACY: Readonly<Record<string, FakeAnswer>> = {
  'server/discover': () => new FakeError(-32601),
  initialize: () => ({
    protocolVersion: '2025-11-25',
    capabilities: { tools: {}, logging: {}, resources: { subscribe: true } },
    serverInfo: { name: 'fake', version: '1' },
  }),
  'tools/list': () => TOOLS,
  'resources/list': () => ({ resources: [] }),
  'resources/templates/list': () => ({ resourceTemplates: [] }),
  'logging/setLevel': () => ({}),
  'resources/subscribe': () => ({}),
  'resources/unsubscribe': () => ({}),
};

/** A message as the wire reader sees it. */
export function messageOf(message: Readonly<Record<string, unknown>>): ReturnType<typeof readMessage> {
  return readMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message })));
}
