import type { IncomingHttpHeaders } from 'node:http';
import type { Bounds } from '../core/bounds.ts';
import type { Cancellation } from '../core/cancellation.ts';
import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { JsonObject } from '../core/json-scan.ts';
import { createSeal } from '../core/seal.ts';
import type { HttpClient } from '../net/http-client.ts';
import type { Log } from '../telemetry/log.ts';
import { exposeResult } from './calls/expose.ts';
import { ParkedCalls, readResponses, type Step } from './calls/parked-calls.ts';
import { answerRounds, asksForInput } from './calls/rounds.ts';
import { type CallTarget, ToolTargets } from './calls/target.ts';
import { TaskOwners } from './calls/task-owners.ts';
import { Catalog } from './catalog/catalog.ts';
import type { ToolEntry } from './catalog/tool-entry.ts';
import { callOf, createOverrider, overrideFindings } from './catalog/tool-override.ts';
import { type AcceptedTool, ToolReview } from './catalog/tool-review.ts';
import { buildView, type View, type ViewServer } from './catalog/view.ts';
import { LegacyCaller, ModernCaller } from './downstream/callers.ts';
import { ClientQuestions } from './downstream/client-questions.ts';
import { describeGateway } from './downstream/describe.ts';
import { Listeners } from './downstream/listeners.ts';
import { type Inbound, receive } from './downstream/receive.ts';
import type { ReplyStream } from './downstream/reply-stream.ts';
import { ResourceWatchers } from './downstream/resource-watchers.ts';
import { Sessions } from './downstream/sessions.ts';
import type { Caller } from './mcp-caller.ts';
import type {
  CatalogStore,
  InProcessServer,
  McpConfig,
  ServerConfig,
  ToolHistoryStore,
  Visibility,
} from './mcp-ports.ts';
import { UpstreamFailure } from './upstream/failure.ts';
import type { ListKind } from './upstream/read-offer.ts';
import type { ServerStatus } from './upstream/server-state.ts';
import { Supervisor } from './upstream/supervisor.ts';
import type { HeaderLine } from './upstream/transport.ts';
import { createTransports } from './upstream/transports/factory.ts';
import type { RpcRequest } from './wire/message.ts';
import { validateParamHeaders } from './wire/modern/validate.ts';
import type { Identity } from './wire/outbound.ts';
import { rewriteStrings } from './wire/rewrite.ts';
import type { Era } from './wire/revisions.ts';

const VIEWS_MAX = 500;
/** Milliseconds between looks at deadlines. */
const CHECK_MS = 250;

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
  readonly watchers = new ResourceWatchers();
  readonly tasks = new TaskOwners();
  readonly toolTargets = new ToolTargets();
  readonly #deps: McpDeps;
  readonly #parked: ParkedCalls;
  readonly #overridden = createOverrider();
  readonly #supervisors = new Map<string, Supervisor>();
  readonly #views = new Map<string, { readonly version: number; readonly view: View }>();
  readonly #check: NodeJS.Timeout;
  #startedMs = 0;

  constructor(deps: McpDeps) {
    this.#deps = deps;
    this.review = new ToolReview({ ...deps, store: deps.toolHistory });
    this.catalog = new Catalog({ ...deps, review: this.review });
    this.sessions = new Sessions(createSeal(deps.sealSecrets, 'mcp-session'), deps.bounds);
    this.listeners = new Listeners((visibility) => this.view(visibility));
    this.#parked = new ParkedCalls(createSeal(deps.sealSecrets, 'mcp-request-state'), () => deps.clock.now());
    const transports = createTransports({
      http: deps.http,
      bounds: deps.bounds,
      inProcess: deps.inProcess,
      environment: deps.environment,
    });
    for (const config of deps.config.servers) {
      const supervisor = new Supervisor(config, {
        ...deps,
        catalog: this.catalog,
        transports,
        onResourceUpdated: (server, uri, notification) => this.watchers.updated(server, uri, notification),
        onTask: (server, notification) => this.tasks.notified(server, notification),
      });
      this.#supervisors.set(config.name, supervisor);
    }
    this.catalog.onChange(() => this.listeners.changed());
    this.#check = setInterval(() => {
      const nowMs = deps.clock.monotonicMs();
      for (const supervisor of this.#supervisors.values()) supervisor.check(nowMs);
    }, CHECK_MS).unref();
  }

  /** Reads the stored catalogue, then starts every server without waiting for any. */
  async start(): Promise<void> {
    await this.review.load(this.#deps.config.servers);
    await this.catalog.load(this.#deps.config.servers);
    this.#startedMs = this.#deps.clock.monotonicMs();
    for (const supervisor of this.#supervisors.values()) void supervisor.start();
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
    for (const name of visibility.servers) this.#supervisors.get(name)?.refreshIfStale();
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
    const all: Visibility = {
      key: '*',
      servers: this.#deps.config.servers.map((server) => server.name),
      allowsTool: () => true,
    };
    return (
      this.view(visibility).tool(name).kind === 'unknown' && this.view(all).tool(name).kind !== 'unknown'
    );
  }

  /** The tool that a name would stand for if it were not held back. */
  heldTool(visibility: Visibility, name: string): ToolEntry | undefined {
    const held = this.#servers(visibility, (server, tool) => this.review.holds(server, tool));
    const resolved = buildView(held, this.#deps.config.separator).tool(name);
    return resolved.kind === 'found' ? resolved.item : undefined;
  }

  /** Accepts what a server offers now: one tool, or all that wait for it. Rejects with GatewayError. */
  async acceptTools(...request: Parameters<ToolReview['accept']>): Promise<readonly AcceptedTool[]> {
    const accepted = await this.review.accept(...request);
    if (accepted.length > 0) this.catalog.touch(request[0]);
    return accepted;
  }

  /** Throws `header-mismatch` when a modern call's `Mcp-Param-*` headers contradict its arguments. */
  checkCallHeaders(tool: ToolEntry, params: JsonObject | undefined, headers: IncomingHttpHeaders): void {
    if (tool.paramHeaders.length > 0)
      validateParamHeaders(tool.paramHeaders, params?.value('arguments'), headers);
  }

  /** The era that a server speaks, as far as it is known. */
  eraOf(server: string): Era | undefined {
    return this.#supervisors.get(server)?.era;
  }

  /**
   * Sends one call to its server and answers, on the way, what the server asks: directly where the client can be asked, else with a step
   * `input` that is the client's to continue. Rejects with GatewayError.
   */
  call(request: RpcRequest, target: CallTarget, from: CallFrom): Promise<Step> {
    const supervisor = this.#supervisors.get(target.server);
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

  /** Watches a resource of a server. Rejects with GatewayError when the server refuses; resolves with the way to stop. */
  async watch(
    server: string,
    uri: string,
    listener: Parameters<ResourceWatchers['add']>[2],
  ): Promise<() => void> {
    const supervisor = this.#supervisors.get(server);
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
      supervisor.watches.remove(uri);
    };
  }

  /** Passes a client's notification to the connections that are this conversation's alone. */
  tellIsolated(
    visibility: Visibility,
    conversationId: string,
    method: string,
    params: Buffer | undefined,
  ): void {
    for (const name of visibility.servers) this.#supervisors.get(name)?.tell(conversationId, method, params);
  }

  /** Ends a server and starts it anew. Throws `server-unknown`. */
  async restart(name: string): Promise<void> {
    const supervisor = this.#supervisors.get(name);
    if (supervisor === undefined)
      throw new GatewayError('server-unknown', {
        name: name.slice(0, 100),
        known: [...this.#supervisors.keys()].join(', '),
      });
    await supervisor.restart();
  }

  status(): ServerStatus[] {
    return [...this.#supervisors.values()].map((supervisor) => {
      const { config } = supervisor;
      const { problems } = this.#overridden(config, this.catalog.get(config.name)?.tools ?? NO_TOOLS);
      const status = supervisor.status();
      const findings = [...this.review.findings(config.name), ...overrideFindings(config, problems)];
      return { ...status, findings: [...status.findings, ...findings] };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#check);
    this.listeners.close();
    this.#parked.close();
    for (const session of this.sessions.all()) session.stream?.close();
    await Promise.all([...this.#supervisors.values()].map((supervisor) => supervisor[Symbol.asyncDispose]()));
    await this.catalog.settled();
    await this.review.settled();
  }

  /** What a visibility shows at this moment. */
  view(visibility: Visibility): View {
    const known = this.#views.get(visibility.key);
    if (known?.version === this.catalog.version) return known.view;
    const offered = this.#servers(visibility, (server, tool) => !this.review.holds(server, tool));
    const view = buildView(offered, this.#deps.config.separator);
    if (this.#views.size >= VIEWS_MAX) this.#views.delete(this.#views.keys().next().value!);
    this.#views.delete(visibility.key);
    this.#views.set(visibility.key, { version: this.catalog.version, view });
    return view;
  }

  /** The servers in scope, each with what it offers; of its tools those that are visible and that `shows` lets through. */
  #servers(visibility: Visibility, shows: (server: string, originalName: string) => boolean): ViewServer[] {
    return visibility.servers.map((name) => {
      const config = this.#supervisors.get(name)?.config;
      const offer = this.catalog.get(name);
      const all = offer?.tools ?? NO_TOOLS;
      const offered = config === undefined ? all : this.#overridden(config, all).tools;
      return {
        name,
        prefix: config?.alias ?? name,
        bare: config?.toolPrefix === 'none',
        tools: offered.filter(
          ({ originalName }) => visibility.allowsTool(name, originalName) && shows(name, originalName),
        ),
        prompts: offer?.prompts ?? [],
        resources: offer?.resources ?? [],
        templates: offer?.templates ?? [],
      };
    });
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
    const first = await supervisor.call(target, params, caller, options);
    const reply = asksForInput(first)
      ? await answerRounds(first, caller, (resume) =>
          supervisor.call(target, params, caller, { ...options, resume }),
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
    const outcome = supervisor.call(
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

  #options(supervisor: Supervisor, from: CallFrom) {
    const { callTimeoutMs } = supervisor.config;
    return {
      headers: from.headers,
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
      .map((name) => this.#supervisors.get(name)!.firstStart());
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

const NO_TOOLS: readonly ToolEntry[] = [];

/** The client's params, with the arguments that the operator fixed. */
function paramsFor({ tool }: CallTarget, request: RpcRequest): JsonObject | undefined {
  return tool?.override === undefined ? request.params : callOf(tool, request.params).params;
}
