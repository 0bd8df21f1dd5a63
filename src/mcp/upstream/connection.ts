import type { JsonObject } from '../../core/json-scan.ts';
import { readTraceContext, type TraceContext, traceLines } from '../../core/trace.ts';
import type { CallTarget } from '../calls/target.ts';
import type { Caller } from '../mcp-caller.ts';
import type { Found } from '../catalog/catalog.ts';
import { notificationMessage, requestMessage, withValue } from '../wire/compose.ts';
import { isWanted, type LogLevel, logLevel } from '../wire/log-level.ts';
import type { RpcNotification, RpcReply, RpcRequest } from '../wire/message.ts';
import { encodeHeaderValue } from '../wire/modern/header-value.ts';
import { paramHeaders } from '../wire/modern/param-headers.ts';
import { outboundRequest } from '../wire/outbound.ts';
import type { Era } from '../wire/revisions.ts';
import { ActiveCall, type CallDeadlines } from './active-call.ts';
import { Attribution, ownerOf } from './attribution.ts';
import type { Connected } from './connect.ts';
import { UpstreamFailure } from './failure.ts';
import { type Peer, plainWording, standardHeaders } from './peer.ts';
import { ServerQuestions } from './server-questions.ts';
import { capabilitiesOf, type ListKind } from './read-offer.ts';
import type { HeaderLine, TransportEvents } from './transport.ts';

const SETTING_MS = 10_000;
/** How long a server that let a call time out may take to answer a ping. */
const PING_MS = 10_000;

/** What a connection tells the supervisor of its server. */
export interface ConnectionHooks {
  /** A list of the server's changed. */
  onListChanged(kind: ListKind): void;
  /** A resource changed to which we are subscribed; `uri` as the server knows it. */
  onResourceUpdated(uri: string, notification: RpcNotification): void;
  onTask(notification: RpcNotification): void;
  onClosed(connection: Connection, reason: string): void;
  onOddity(text: string): void;
  /** Whether the server ended when it was refused roots. */
  needsRoots(): boolean;
  /** A question came while several clients' calls were under way, and nothing says whose it is. */
  onAmbiguous(): void;
}

/** A server's reply, and in which era it spoke. */
export interface ServerReply {
  readonly reply: RpcReply;
  readonly era: Era;
}

/** What goes with one call besides its target and params. */
export interface CallOptions extends CallDeadlines {
  /** Headers for this call alone, for servers over HTTP. */
  readonly headers: readonly HeaderLine[];
  /** The trace that the call belongs to, as the server is told of it. */
  readonly trace?: TraceContext | undefined;
  /** Members of the client's retry that a modern server wants back, as JSON text. */
  readonly resume?: {
    readonly inputResponses: Buffer | undefined;
    readonly requestState: Buffer | undefined;
  };
}

/**
 * One connection to a server: which client's call each answer, progress, log message and question belongs to. Requests never cross
 * principals: what cannot be attributed is told to nobody.
 */
export class Connection implements AsyncDisposable {
  readonly events: TransportEvents;
  readonly #attribution: Attribution;
  readonly #hooks: ConnectionHooks;
  readonly #now: () => number;
  readonly #questions: ServerQuestions;
  readonly #onRelated = (call: ActiveCall, message: RpcNotification | RpcRequest): void =>
    this.#hear(message, call);
  #connected: Connected | undefined;
  #capabilities: JsonObject | undefined;
  #level: LogLevel | undefined;
  /** Whom stray log messages can be for: the only client that ever used this connection. */
  #only: ActiveCall | undefined;
  #shared = false;
  #onIdle: (() => void) | undefined;
  /** Headers of calls to a modern server, by target. */
  readonly #named = new WeakMap<CallTarget, readonly HeaderLine[]>();

  constructor(hooks: ConnectionHooks, signal: AbortSignal, now: () => number) {
    this.#hooks = hooks;
    this.#now = now;
    this.#attribution = new Attribution(now);
    this.#questions = new ServerQuestions({
      now,
      calls: this.#attribution,
      onAmbiguous: () => hooks.onAmbiguous(),
      needsRoots: () => hooks.needsRoots(),
      respond: (message) => this.#respond(message),
    });
    this.events = {
      signal,
      onNotification: (notification) => this.#hear(notification, undefined),
      onRequest: (request, answer, isOurs = false) => {
        // Some servers do not answer the first contact before they have an answer themselves.
        if (isOurs || this.#connected === undefined) answer(this.#questions.withoutCall(request));
        else this.#hear(request, undefined);
      },
      onLateReply: (id) => this.#attribution.lateReply(id),
      onClosed: (reason) => hooks.onClosed(this, reason),
      onOddity: (text) => hooks.onOddity(text),
    };
  }

  /** Takes the peer that was reached with this connection's `events`. */
  begin(connected: Connected): void {
    this.#connected = connected;
    this.#capabilities = capabilitiesOf(connected.peer);
  }

  get peer(): Peer {
    return this.#connected!.peer;
  }

  get found(): Found {
    return this.#connected!.found;
  }

  /** Whether the server was refused roots because nobody could be asked. */
  get hasRefusedRoots(): boolean {
    return this.#questions.hasRefusedRoots;
  }

  get inFlight(): number {
    return this.#attribution.size;
  }

  /** Whether the server declared a capability, or a member of it. */
  offers(capability: string, member?: string): boolean {
    const object = this.#capabilities;
    if (object?.has(capability) !== true) return false;
    return member === undefined || object.child(capability)?.value(member) === true;
  }

  /** Sends a client's request. Rejects with UpstreamFailure, or with GatewayError when the client lacked what the server needed. */
  async call(
    target: CallTarget,
    params: JsonObject | undefined,
    caller: Caller,
    options: CallOptions,
  ): Promise<RpcReply> {
    const { peer } = this;
    if (caller.cancellation.isCancelled)
      throw new UpstreamFailure('cancelled', caller.cancellation.reason!, { delivered: 'no' });
    const id = peer.nextId();
    if (caller.logLevel !== undefined) this.#wantLevel(caller.logLevel);
    const modern = peer.era === 'modern';
    const message = outboundRequest(id, target.method, params, {
      envelope: peer.envelope,
      capabilities: modern ? caller.capabilities.text : '',
      logLevel: caller.logLevel,
      progressToken: caller.progressToken === undefined ? undefined : id,
      trace: isSaid(params, options.trace) ? undefined : options.trace,
      replace:
        options.resume === undefined || !modern ? target.replace : resumed(target.replace, options.resume),
    });
    const headers = this.#headers(target, params, options);
    const call = new ActiveCall(
      id,
      target.method,
      message,
      headers,
      caller,
      options,
      this.#now(),
      this.#onRelated,
    );
    this.#remember(call);
    this.#attribution.begin(call);
    let answered = false;
    try {
      const reply = await peer.transport.request(call);
      answered = true;
      const lack = call.lackOf(reply);
      if (lack !== undefined) throw lack;
      return reply;
    } catch (error) {
      if (call.expiredAfterMs !== undefined && error instanceof UpstreamFailure)
        throw new UpstreamFailure('timeout', `no answer within ${call.expiredAfterMs / 1_000} s`, {
          cause: error,
        });
      throw error;
    } finally {
      const isLoose = peer.era === 'legacy' && peer.transport.kind === 'http';
      this.#attribution.end(call, answered, isLoose);
      this.#questions.callEnded(call, answered);
      if (this.#attribution.size === 0) this.#onIdle?.();
    }
  }

  /** A request of our own. Rejects with UpstreamFailure. */
  ask(method: string, params: Buffer | undefined, timeoutMs: number): Promise<RpcReply> {
    const { peer } = this;
    const id = peer.nextId();
    return peer.transport.request({
      id,
      method,
      message: requestMessage(id, method, params),
      headers: standardHeaders(peer, method),
      timeoutMs,
      cancellation: undefined,
    });
  }

  /** Whether the server still answers anything, be it an error. */
  async isAlive(): Promise<boolean> {
    const { peer } = this;
    const id = peer.nextId();
    const method = peer.era === 'legacy' ? 'ping' : 'server/discover';
    try {
      await peer.transport.request({
        id,
        method,
        message: outboundRequest(id, method, undefined, plainWording(peer.envelope)),
        headers: standardHeaders(peer, method),
        timeoutMs: PING_MS,
        cancellation: undefined,
      });
      return true;
    } catch (error) {
      return error instanceof UpstreamFailure && error.kind === 'protocol';
    }
  }

  /** Passes a client's notification on. */
  tell(method: string, params: Buffer | undefined): void {
    const { peer } = this;
    peer.transport
      .notify(notificationMessage(method, params), standardHeaders(peer, method))
      .catch(() => undefined);
  }

  /** Resolves when no call is under way any more. */
  idle(): Promise<void> {
    if (this.#attribution.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /** Gives up calls whose deadlines have passed. */
  check(nowMs: number): void {
    for (const call of this.#attribution.calls()) call.check(nowMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#questions.close();
    await this.#connected?.peer.transport[Symbol.asyncDispose]();
  }

  #headers(
    target: CallTarget,
    params: JsonObject | undefined,
    { headers: extra, trace }: CallOptions,
  ): readonly HeaderLine[] {
    const traced = isRemote(this.peer) ? traceHeaders(params, trace, extra) : NONE;
    if (this.peer.era === 'legacy') {
      const standard = standardHeaders(this.peer, target.method);
      return extra.length + traced.length === 0 ? standard : [...standard, ...traced, ...extra];
    }
    const named = this.#namedHeaders(target);
    const annotated = (target.tool?.override?.base ?? target.tool)?.paramHeaders ?? [];
    if (annotated.length + traced.length + extra.length === 0) return named;
    return [...named, ...paramHeaders(annotated, params?.value('arguments')), ...traced, ...extra];
  }

  /** The same list for each call of a target. */
  #namedHeaders(target: CallTarget): readonly HeaderLine[] {
    let headers = this.#named.get(target);
    if (headers === undefined) {
      const { isNamed, originalName, method } = target;
      const standard = standardHeaders(this.peer, method);
      headers =
        isNamed && originalName !== undefined
          ? [...standard, ['Mcp-Name', encodeHeaderValue(originalName)]]
          : standard;
      this.#named.set(target, headers);
    }
    return headers;
  }

  #respond(message: Buffer): Promise<void> {
    return this.peer.transport.notify(message, standardHeaders(this.peer, 'response')).catch(() => undefined);
  }

  /** What a server says must not break more than itself. */
  #hear(message: RpcNotification | RpcRequest, related: ActiveCall | undefined): void {
    try {
      if (message.kind === 'request') this.#questions.receive(message, related);
      else this.#notified(message, related);
    } catch (error) {
      this.#hooks.onOddity(`${message.method}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #notified(notification: RpcNotification, related: ActiveCall | undefined): void {
    switch (notification.method) {
      case 'notifications/progress':
        this.#progressed(notification);
        return;
      case 'notifications/message':
        this.#logged(notification, related);
        return;
      case 'notifications/cancelled':
        this.#questions.withdrawn(notification, related);
        return;
      case 'notifications/tools/list_changed':
        this.#hooks.onListChanged('tools');
        return;
      case 'notifications/prompts/list_changed':
        this.#hooks.onListChanged('prompts');
        return;
      case 'notifications/resources/list_changed':
        this.#hooks.onListChanged('resources');
        return;
      case 'notifications/resources/updated': {
        const uri = notification.params?.string('uri');
        if (uri !== undefined) this.#hooks.onResourceUpdated(uri, notification);
        return;
      }
      case 'notifications/elicitation/complete':
        this.#questions.completed(notification);
        return;
      case 'notifications/tasks':
      case 'notifications/tasks/status':
        this.#hooks.onTask(notification);
        return;
      case 'notifications/subscriptions/acknowledged':
        return;
      default: {
        const call = related ?? this.#attribution.attributeNews();
        if (typeof call === 'object') call.caller.tell(messageOf(notification));
      }
    }
  }

  /** The token is the request's id, so it says whose it is; the client gets its own token back. */
  #progressed(notification: RpcNotification): void {
    const { params } = notification;
    const call = this.#attribution.get(Number(params?.value('progressToken')));
    if (call === undefined || params === undefined) return;
    call.progressed(this.#now());
    const token = call.caller.progressToken;
    if (token !== undefined)
      call.caller.tell(notificationMessage(notification.method, withValue(params, 'progressToken', token)));
  }

  #logged(notification: RpcNotification, related: ActiveCall | undefined): void {
    const level = logLevel(notification.params?.string('level')) ?? 'info';
    const call = related ?? this.#attribution.attributeNews();
    const isStray = call === 'none' && !this.#shared;
    const caller = typeof call === 'object' ? call.caller : isStray ? this.#only?.caller : undefined;
    if (caller?.logLevel === undefined || !isWanted(level, caller.logLevel)) return;
    if (isStray) caller.afterwards?.(messageOf(notification));
    else caller.tell(messageOf(notification));
  }

  #remember(call: ActiveCall): void {
    if (this.#shared) return;
    if (this.#only !== undefined && ownerOf(this.#only) !== ownerOf(call)) {
      this.#shared = true;
      this.#only = undefined;
    } else this.#only ??= call;
  }

  /** A legacy server's level holds for the whole connection: it is set to the least severe that anybody wants. */
  #wantLevel(level: LogLevel): void {
    if (this.peer.era === 'modern' || !this.offers('logging')) return;
    if (this.#level !== undefined && isWanted(level, this.#level)) return;
    this.#level = level;
    this.ask('logging/setLevel', Buffer.from(JSON.stringify({ level })), SETTING_MS).catch(() => undefined);
  }
}

const NONE: readonly HeaderLine[] = [];

/** Whether it is reached over HTTP, where a trace is told in headers, too. */
function isRemote({ transport }: Peer): boolean {
  return transport.kind !== 'stdio' && transport.kind !== 'in-process';
}

/** Whether a request's `_meta` says already that it belongs to this trace. */
function isSaid(params: JsonObject | undefined, trace: TraceContext | undefined): boolean {
  return trace === undefined || params?.child('_meta')?.string('traceparent') === trace.traceparent;
}

/** A request's trace context as the headers that HTTP servers read it from (2026-07-28, `_meta`; W3C Trace Context). None is made up. */
function traceHeaders(
  params: JsonObject | undefined,
  trace: TraceContext | undefined,
  given: readonly HeaderLine[],
): readonly HeaderLine[] {
  const meta = params?.child('_meta');
  const told = trace ?? (meta === undefined ? undefined : readTraceContext((name) => meta.string(name)));
  if (told === undefined) return NONE;
  return traceLines(told).filter(([name]) => !given.some(([other]) => other.toLowerCase() === name));
}

function resumed(
  replace: ReadonlyMap<string, Buffer | undefined>,
  resume: NonNullable<CallOptions['resume']>,
): ReadonlyMap<string, Buffer | undefined> {
  return new Map([
    ...replace,
    ['inputResponses', resume.inputResponses],
    ['requestState', resume.requestState],
  ]);
}

function messageOf(notification: RpcNotification): Buffer {
  const { object } = notification;
  return object.bytes.subarray(object.start, object.end);
}
