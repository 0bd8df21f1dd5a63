import type { IncomingHttpHeaders } from 'node:http';
import type { Bounds } from '../core/bounds.ts';
import type { Cancellation } from '../core/cancellation.ts';
import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { JsonObject } from '../core/json-scan.ts';
import { createSeal } from '../core/seal.ts';
import type { TraceContext } from '../core/trace.ts';
import type { HttpClient } from '../net/http-client.ts';
import type { Log } from '../telemetry/log.ts';
import { exposeResult } from './calls/expose.ts';
import { Errands } from './calls/errands.ts';
import { ParkedCalls, readResponses, type Step } from './calls/parked-calls.ts';
import { answerRounds, asksForInput } from './calls/rounds.ts';
import { type CallTarget, ToolTargets } from './calls/target.ts';
import { TaskOwners } from './calls/task-owners.ts';
import { Catalog, fingerprint } from './catalog/catalog.ts';
import type { ToolEntry } from './catalog/tool-entry.ts';
import { callOf } from './catalog/tool-override.ts';
import { type AcceptedTool, ToolReview } from './catalog/tool-review.ts';
import type { View } from './catalog/view.ts';
import { Views } from './catalog/views.ts';
import { LegacyCaller, ModernCaller } from './downstream/callers.ts';
import { ClientQuestions } from './downstream/client-questions.ts';
import { describeGateway } from './downstream/describe.ts';
import { Listeners } from './downstream/listeners.ts';
import { Neighbourhood } from './downstream/neighbourhood.ts';
import { type Inbound, receive } from './downstream/receive.ts';
import type { ReplyStream } from './downstream/reply-stream.ts';
import { ResourceWatchers } from './downstream/resource-watchers.ts';
import { Sessions } from './downstream/sessions.ts';
import type { Caller } from './mcp-caller.ts';
import type {
  CatalogStore,
  InProcessServer,
  McpConfig,
  Neighbours,
  ServerConfig,
  ToolHistoryStore,
  Visibility,
} from './mcp-ports.ts';
import { NO_NEIGHBOURS } from './mcp-ports.ts';
import type { CallOptions, ServerReply } from './upstream/connection.ts';
import { UpstreamFailure } from './upstream/failure.ts';
import { capabilitiesOf, type ListKind } from './upstream/read-offer.ts';
import type { ServerStatus } from './upstream/server-state.ts';
import { Fleet } from './upstream/fleet.ts';
import type { Supervisor } from './upstream/supervisor.ts';
import type { HeaderLine } from './upstream/transport.ts';
import { createTransports } from './upstream/transports/factory.ts';
import type { RpcNotification, RpcRequest } from './wire/message.ts';
import { validateParamHeaders } from './wire/modern/validate.ts';
import type { Identity } from './wire/outbound.ts';
import { rewriteStrings } from './wire/rewrite.ts';
import type { Era } from './wire/revisions.ts';

/** Milliseconds between looks at what nobody uses any more. */
const SWEEP_MS = 60_000;

export interface McpDeps {
  readonly config: McpConfig;
  readonly store: CatalogStore;
  readonly toolHistory: ToolHistoryStore;
  readonly http: HttpClient;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: () => number;
  readonly bounds: Bounds;
  /** The product's name and version, as clients and servers see it. */
  readonly identity: Identity;
  /**
   * Secrets of 32 bytes that seal session ids and the state of calls: the first seals, all open. The same for every process that shall
   * continue a session.
   */
  readonly sealSecrets: () => readonly Uint8Array[];
  /** Connectors inside this process, by the name after `lanport:`. */
  readonly inProcess: ReadonlyMap<string, (config: ServerConfig) => InProcessServer>;
  /** Environment that children may inherit from. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Other gateways that serve the same clients; `undefined`: there are none. */
  readonly neighbours?: Neighbours | undefined;
}

/** Where a call comes from. */
export interface CallFrom {
  readonly inbound: Inbound;
  readonly principalId: string;
  readonly visibility: Visibility;
  /** The stream of the request's answer. */
  readonly stream: ReplyStream;
  /** Headers for the server, for servers over HTTP. */
  readonly headers: readonly HeaderLine[];
  /** The trace that the call belongs to, as its server is told of it. */
  readonly trace: TraceContext | undefined;
  /** Is handed the way to give the call up, before it is sent; again for each request that continues it. */
  readonly onStart: (cancellation: Cancellation) => void;
}

/** The MCP engine: servers behind one door, whatever each side speaks. It knows nothing of keys, policy or the ledger. */
export class Mcp implements AsyncDisposable {
  readonly catalog: Catalog;
  readonly sessions: Sessions;
  readonly review: ToolReview;
  /** Requests that were put to clients. */
  readonly questions = new ClientQuestions();
  readonly listeners: Listeners;
  /** What clients say here and mean for another gateway, and the other way round. */
  readonly neighbourhood: Neighbourhood;
  readonly watchers = new ResourceWatchers();
  readonly tasks = new TaskOwners();
  readonly toolTargets = new ToolTargets();
  readonly #deps: McpDeps;
  readonly #parked: ParkedCalls;
  readonly #errands: Errands;
  readonly #fleet: Fleet;
  readonly #sweep: NodeJS.Timeout;
  #closing: Promise<void> | undefined;
  readonly #views: Views;
  #startedMs = 0;
  #config: McpConfig;

  constructor(deps: McpDeps) {
    this.#deps = deps;
    this.#config = deps.config;
    this.review = new ToolReview({ ...deps, store: deps.toolHistory });
    this.catalog = new Catalog({ ...deps, review: this.review });
    this.sessions = new Sessions(createSeal(deps.sealSecrets, 'mcp-session'), deps.bounds);
    this.listeners = new Listeners((visibility) => this.view(visibility));
    const neighbours = deps.neighbours ?? NO_NEIGHBOURS;
    this.neighbourhood = new Neighbourhood({
      neighbours,
      sessions: this.sessions,
      questions: this.questions,
      onAccepted: (server) => void this.review.reload(server).then(() => this.catalog.touch(server)),
    });
    this.#parked = new ParkedCalls(createSeal(deps.sealSecrets, 'mcp-request-state'), () => deps.clock.now());
    this.#errands = new Errands(neighbours, this.#parked);
    this.#views = new Views({
      ...deps,
      catalog: this.catalog,
      review: this.review,
      config: () => this.#config,
    });
    this.#fleet = new Fleet(deps.config.servers, {
      ...deps,
      catalog: this.catalog,
      transports: createTransports(deps),
      onResourceUpdated: (server, uri, notification) => this.watchers.updated(server, uri, notification),
      onTask: (server, notification) => this.tasks.notified(server, notification),
    });
    this.catalog.onChange(() => this.listeners.changed());
    this.#sweep = setInterval(() => this.sessions.sweep(), SWEEP_MS).unref();
  }

  /** Reads the stored catalogue, then starts every server without waiting for any. */
  async start(): Promise<void> {
    await this.review.load(this.#config.servers);
    await this.catalog.load(this.#config.servers);
    this.#startedMs = this.#deps.clock.monotonicMs();
    this.#fleet.start();
  }

  /**
   * Serves `config` from now on; everything is exchanged before the first await. The tools of a server that has changed stay listed meanwhile,
   * unless the entry reaches another server than before. Resolves when what was given up is closed; never rejects.
   */
  async reconfigure(config: McpConfig): Promise<void> {
    this.#config = config;
    const closed = this.#fleet.reconfigure(config.servers, (old, fresh) => {
      for (const [name, { config: before }] of old) {
        const successor = this.#fleet.get(name)?.config;
        if (successor === undefined || fingerprint(successor) !== fingerprint(before))
          this.catalog.forget(name);
      }
      for (const supervisor of fresh)
        supervisor.watches.adopt(this.watchers.countsOf(supervisor.config.name));
      if (fresh.length > 0) this.#startedMs = this.#deps.clock.monotonicMs();
      // Views depend on names, aliases and the separator, too.
      this.catalog.touch('');
    });
    const reviewed = this.review
      .load(config.servers)
      .then(() => this.catalog.touch(''))
      .catch((error: unknown) => this.#deps.log.warn('the history of tools cannot be read', { error }));
    await Promise.all([reviewed, closed]);
  }

  /** Reads one POST of a client. Throws GatewayError. */
  receive(body: Buffer, headers: IncomingHttpHeaders, principalId: string): Inbound {
    return receive(body, headers, principalId, this.sessions);
  }

  /** JSON text of the answer to `initialize` (legacy) or `server/discover` (modern). Waits, bounded, for servers that were never seen. */
  async describe(
    visibility: Visibility,
    era: Era,
    revision: string,
    scopeName: string | undefined,
  ): Promise<Buffer> {
    await this.#firstSight(visibility);
    const offers = visibility.servers
      .map((name) => this.catalog.get(name))
      .filter((offer) => offer !== undefined);
    return describeGateway({
      era,
      revision,
      scopeName,
      identity: this.#deps.identity,
      offers,
      isUnsure: offers.length < visibility.servers.length,
    });
  }

  /** JSON text of the result of a list request. Waits, bounded, for servers in scope that were never seen before. */
  async list(visibility: Visibility, kind: ListKind, era: Era): Promise<Buffer> {
    await this.#firstSight(visibility);
    for (const name of visibility.servers) this.#fleet.get(name)?.refreshIfStale();
    return this.view(visibility).list(kind, era);
  }

  /** What a visibility shows; waits, bounded, when `isMissing` says that something is not there and a server in scope was never seen. */
  async viewWith(visibility: Visibility, isMissing: (view: View) => boolean): Promise<View> {
    const view = this.view(visibility);
    if (!isMissing(view)) return view;
    return (await this.#firstSight(visibility)) ? this.view(visibility) : view;
  }

  /** The tools of a visibility with the names that they are offered under. */
  async tools(visibility: Visibility): Promise<ReadonlyMap<string, ToolEntry>> {
    await this.#firstSight(visibility);
    return this.view(visibility).tools;
  }

  /** Whether some server has a tool of that name that this visibility hides. For the ledger alone: it must not be told to the caller. */
  isHidden(visibility: Visibility, name: string): boolean {
    return this.#views.isHidden(visibility, name);
  }

  /** The tool that a name would stand for if it were not held back. */
  heldTool(visibility: Visibility, name: string): ToolEntry | undefined {
    return this.#views.heldTool(visibility, name);
  }

  /** Accepts what a server offers now: one tool, or all that wait for it. Rejects with GatewayError. */
  async acceptTools(...request: Parameters<ToolReview['accept']>): Promise<readonly AcceptedTool[]> {
    const accepted = await this.review.accept(...request);
    if (accepted.length > 0) this.catalog.touch(request[0]);
    if (accepted.length > 0) this.neighbourhood.accepted(request[0]);
    return accepted;
  }

  /** Throws `header-mismatch` when a modern call's `Mcp-Param-*` headers contradict its arguments. */
  checkCallHeaders(tool: ToolEntry, params: JsonObject | undefined, headers: IncomingHttpHeaders): void {
    if (tool.paramHeaders.length > 0)
      validateParamHeaders(tool.paramHeaders, params?.value('arguments'), headers);
  }

  /** The era that a server speaks, as far as it is known. */
  eraOf(server: string): Era | undefined {
    return this.#fleet.get(server)?.era;
  }

  /**
   * Sends one call to its server and answers, on the way, what the server asks: directly where the client can be asked, else with a step
   * `input` that is the client's to continue. Rejects with GatewayError.
   */
  call(request: RpcRequest, target: CallTarget, from: CallFrom): Promise<Step> {
    const supervisor = this.#fleet.get(target.server);
    if (supervisor === undefined)
      return Promise.reject(new GatewayError('server-unknown', { name: target.server, known: '' }));
    return from.inbound.era === 'legacy'
      ? this.#callLegacy(supervisor, request, target, from)
      : this.#callModern(supervisor, request, target, from);
  }

  /** A result as this client shall see it: the gateway's URIs for the server's. */
  expose(result: Buffer, target: CallTarget, visibility: Visibility): Buffer {
    return exposeResult(result, target, this.view(visibility));
  }

  /** Whether a server says that it tells of changes of its resources, as far as is known. */
  canWatch(server: string): boolean {
    const offer = this.catalog.get(server);
    return offer === undefined || capabilitiesOf(offer)?.child('resources')?.value('subscribe') === true;
  }

  /** Watches a resource of a server. Rejects with GatewayError when the server refuses; resolves with the way to stop. */
  async watch(
    server: string,
    uri: string,
    listener: Parameters<ResourceWatchers['add']>[2],
  ): Promise<() => void> {
    const supervisor = this.#fleet.get(server);
    if (supervisor === undefined) throw new GatewayError('server-unknown', { name: server, known: '' });
    const remove = this.watchers.add(server, uri, listener);
    try {
      await supervisor.watches.add(uri);
    } catch (error) {
      remove();
      if (!(error instanceof UpstreamFailure)) throw error;
      throw new GatewayError('server-protocol', { server, reason: error.message }, { cause: error });
    }
    return () => {
      remove();
      // Another supervisor may have taken over meanwhile.
      this.#fleet.get(server)?.watches.remove(uri);
    };
  }

  /** Passes a client's notification to the connections that are this conversation's alone. */
  tellIsolated(
    visibility: Visibility,
    conversationId: string,
    method: string,
    params: Buffer | undefined,
  ): void {
    for (const name of visibility.servers) this.#fleet.get(name)?.tell(conversationId, method, params);
  }

  /** Passes a notification that means nothing here to the only server in scope, when that speaks the client's era. */
  pass(visibility: Visibility, inbound: Inbound, principalId: string, notification: RpcNotification): void {
    const [only, second] = visibility.servers;
    if (only === undefined || second !== undefined || this.eraOf(only) !== inbound.era) return;
    const { method, params } = notification;
    const bytes = params?.bytes.subarray(params.start, params.end);
    this.#fleet.get(only)?.pass(inbound.session?.id ?? principalId, method, bytes);
  }

  /** Ends a server and starts it anew. Throws `server-unknown`. */
  async restart(name: string): Promise<void> {
    await this.#fleet.restart(name);
  }

  status(): ServerStatus[] {
    return this.#fleet.all().map((supervisor) => {
      const { config } = supervisor;
      const status = supervisor.status();
      const findings = [...this.review.findings(config.name), ...this.#views.findings(config)];
      return { ...status, findings: [...status.findings, ...findings] };
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#sweep);
    this.listeners.close();
    this.neighbourhood[Symbol.dispose]();
    this.#errands[Symbol.dispose]();
    this.#parked.close();
    for (const session of this.sessions.all()) session.stream?.close();
    await this.#fleet[Symbol.asyncDispose]();
    await this.catalog.settled();
    await this.review.settled();
  }

  /** What a visibility shows at this moment. */
  view(visibility: Visibility): View {
    return this.#views.of(visibility);
  }

  async #callLegacy(
    supervisor: Supervisor,
    request: RpcRequest,
    target: CallTarget,
    from: CallFrom,
  ): Promise<Step> {
    const caller = new LegacyCaller(
      from.principalId,
      from.inbound.session,
      request,
      from.stream,
      this.questions,
    );
    from.onStart(caller.cancellation);
    const options = this.#options(supervisor, from);
    const params = paramsFor(target, request);
    const first = await this.#send(supervisor, target, params, caller, options);
    const reply = asksForInput(first)
      ? await answerRounds(first, caller, (resume) =>
          this.#send(supervisor, target, params, caller, { ...options, resume }),
        )
      : first;
    if (reply.reply.kind === 'result') this.tasks.learn(target.server, caller, reply.reply.result);
    return { kind: 'reply', reply };
  }

  async #callModern(
    supervisor: Supervisor,
    request: RpcRequest,
    target: CallTarget,
    from: CallFrom,
  ): Promise<Step> {
    const { params } = request;
    const token = params?.string('requestState');
    let resume: { inputResponses: Buffer | undefined; requestState: Buffer | undefined } | undefined;
    if (token !== undefined) {
      const state = this.#parked.open(token, from.principalId, target);
      if (state.kind === 'parked' && !this.#parked.has(state.id))
        return this.#errands.send(state, request, { ...from, server: target.server });
      if (state.kind === 'parked')
        return this.#parked.resume(state, request, from.stream, (caller) =>
          from.onStart(caller.cancellation),
        );
      resume = { inputResponses: params?.slice('inputResponses'), requestState: state.state };
    } else if (params?.has('requestState') === true) throw new GatewayError('state-invalid');
    else if (params?.has('inputResponses') === true)
      resume = { inputResponses: params.slice('inputResponses'), requestState: undefined };
    const caller = new ModernCaller(from.principalId, request, from.stream);
    if (resume !== undefined && token === undefined) caller.offer(readResponses(params));
    from.onStart(caller.cancellation);
    const options = this.#options(supervisor, from);
    const outcome = this.#send(
      supervisor,
      target,
      paramsFor(target, request),
      caller,
      resume === undefined ? options : { ...options, resume },
    );
    const step = await this.#parked.begin(caller, target, outcome);
    return step.kind === 'reply' ? this.#settled(step, target, caller) : step;
  }

  /** A stateless server's own question goes to the client as it is, its state sealed for this principal and call. */
  #settled(step: Extract<Step, { kind: 'reply' }>, target: CallTarget, caller: Caller): Step {
    const { reply } = step.reply;
    if (reply.kind !== 'result') return step;
    if (!asksForInput(step.reply)) {
      this.tasks.learn(target.server, caller, reply.result);
      return step;
    }
    const { result } = reply;
    const bytes = result.bytes.subarray(result.start, result.end);
    const sealed = rewriteStrings(bytes, [['requestState']], (state) =>
      this.#parked.sealState(caller.principalId, target, state),
    );
    return { kind: 'input', result: sealed };
  }

  /** A call; when its server is replaced by a new configuration meanwhile, what was not taken, or may be repeated, goes to its successor. */
  async #send(
    supervisor: Supervisor,
    target: CallTarget,
    params: JsonObject | undefined,
    caller: Caller,
    options: CallOptions,
  ): Promise<ServerReply> {
    try {
      return await supervisor.call(target, params, caller, options);
    } catch (error) {
      const successor = this.#fleet.get(target.server);
      if (successor === undefined || successor === supervisor || !(error instanceof GatewayError))
        throw error;
      const mayGoOn = error.code === 'shutting-down' || (error.code === 'call-lost' && target.repeatable);
      if (!mayGoOn || caller.cancellation.isCancelled) throw error;
      return successor.call(target, params, caller, options);
    }
  }

  #options(supervisor: Supervisor, from: CallFrom): CallOptions {
    const { callTimeoutMs } = supervisor.config;
    return {
      headers: from.headers,
      trace: from.trace,
      idleMs: callTimeoutMs,
      totalMs: Math.max(callTimeoutMs, this.#deps.bounds.callTotalMs),
    };
  }

  /** Waits until each never-seen server in scope has answered or failed once, at most until `firstListWaitMs` after the start: a server
   * that takes longer delays no list after the first. Tells whether it waited. */
  async #firstSight(visibility: Visibility): Promise<boolean> {
    const leftMs = this.#startedMs + this.#deps.bounds.firstListWaitMs - this.#deps.clock.monotonicMs();
    if (leftMs <= 0) return false;
    const unseen = visibility.servers
      .filter((name) => this.catalog.get(name) === undefined)
      .map((name) => this.#fleet.get(name)?.firstStart());
    const pending = unseen.filter((start) => start !== undefined);
    if (pending.length === 0) return false;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, leftMs);
    });
    await Promise.race([Promise.all(pending), patience]);
    clearTimeout(timer);
    return true;
  }
}

/** The client's params, with the arguments that the operator fixed. */
function paramsFor({ tool }: CallTarget, request: RpcRequest): JsonObject | undefined {
  return tool?.override === undefined ? request.params : callOf(tool, request.params).params;
}
