import type { IncomingHttpHeaders } from 'node:http';
import type { Bounds } from '../core/bounds.ts';
import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { JsonObject } from '../core/json-scan.ts';
import { withDeadline } from '../core/scope.ts';
import { createSeal } from '../core/seal.ts';
import type { HttpClient } from '../net/http-client.ts';
import type { Log } from '../telemetry/log.ts';
import { Catalog, fingerprint } from './catalog/catalog.ts';
import type { ToolEntry } from './catalog/tool-entry.ts';
import { buildView, type Resolved, type View } from './catalog/view.ts';
import { describeGateway } from './downstream/describe.ts';
import { type Inbound, receive } from './downstream/receive.ts';
import { type Session, Sessions } from './downstream/sessions.ts';
import { sameServer } from './mcp-config.ts';
import type { CatalogStore, InProcessServer, McpConfig, ServerConfig, Visibility } from './mcp-ports.ts';
import type { CallOptions } from './upstream/peer.ts';
import type { ServerStatus } from './upstream/server-state.ts';
import { Supervisor } from './upstream/supervisor.ts';
import type { TransportFactory } from './upstream/connect.ts';
import { createTransports } from './upstream/transports/factory.ts';
import type { RpcReply } from './wire/message.ts';
import { validateParamHeaders } from './wire/modern/validate.ts';
import type { Identity } from './wire/outbound.ts';
import type { Era } from './wire/revisions.ts';

const VIEWS_MAX = 500;
const LIST_CHANGED_DELAY_MS = 100;
/** How long a server that was given up may take to close before its successor is started all the same. */
const RETIRE_MS = 10_000;

export interface McpDeps {
  readonly config: McpConfig;
  readonly store: CatalogStore;
  readonly http: HttpClient;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: () => number;
  readonly bounds: Bounds;
  /** The product's name and version, as clients and servers see it. */
  readonly identity: Identity;
  /** 32 bytes that seal session ids; the same for every process that shall continue a session. */
  readonly sessionSecret: Uint8Array;
  /** Connectors inside this process, by the name after `lanport:`. */
  readonly inProcess: ReadonlyMap<string, (config: ServerConfig) => InProcessServer>;
  /** Environment that children may inherit from. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The MCP engine: servers behind one door, whatever each side speaks. It knows nothing of keys, policy or the ledger. */
export class Mcp implements AsyncDisposable {
  readonly catalog: Catalog;
  readonly sessions: Sessions;
  readonly #deps: McpDeps;
  readonly #transports: TransportFactory;
  readonly #supervisors = new Map<string, Supervisor>();
  readonly #views = new Map<string, { readonly version: number; readonly view: View }>();
  readonly #announcements = new Set<(message: Buffer) => void>();
  #announcing: NodeJS.Timeout | undefined;
  #startedMs = 0;
  #config: McpConfig;

  constructor(deps: McpDeps) {
    this.#deps = deps;
    this.#config = deps.config;
    this.catalog = new Catalog(deps);
    this.sessions = new Sessions(createSeal(deps.sessionSecret), deps.bounds);
    this.#transports = createTransports({
      http: deps.http,
      bounds: deps.bounds,
      inProcess: deps.inProcess,
      environment: deps.environment,
    });
    for (const config of deps.config.servers) this.#supervisors.set(config.name, this.#supervise(config));
    this.catalog.onChange(() => this.#announceLater());
  }

  /** Reads the stored catalogue, then starts every server without waiting for any. */
  async start(): Promise<void> {
    await this.catalog.load(this.#config.servers);
    this.#startedMs = this.#deps.clock.monotonicMs();
    for (const supervisor of this.#supervisors.values()) void supervisor.start();
  }

  /**
   * Serves `config` from now on: everything is exchanged before the first await. A server whose entry is the same keeps its connection,
   * its calls and its tools; one that is new is started, one that is gone is closed, one that has changed is closed and started anew.
   * Its tools stay listed meanwhile, unless the entry reaches another server than before. Resolves when what was given up is closed;
   * never rejects.
   */
  async reconfigure(config: McpConfig): Promise<void> {
    const old = new Map(this.#supervisors);
    const fresh: Supervisor[] = [];
    this.#config = config;
    this.#supervisors.clear();
    for (const server of config.servers) {
      const known = old.get(server.name);
      const isSame = known !== undefined && sameServer(known.config, server);
      const supervisor = isSame ? known : this.#supervise(server);
      this.#supervisors.set(server.name, supervisor);
      if (isSame) old.delete(server.name);
      else fresh.push(supervisor);
    }
    for (const [name, { config: before }] of old) {
      const successor = this.#supervisors.get(name)?.config;
      if (successor === undefined || fingerprint(successor) !== fingerprint(before))
        this.catalog.forget(name);
    }
    // Views depend on names, aliases and the separator, too.
    this.catalog.version++;
    this.#announceLater();
    if (fresh.length > 0) this.#startedMs = this.#deps.clock.monotonicMs();
    const retired = new Map([...old].map(([name, supervisor]) => [name, this.#retire(supervisor)]));
    for (const supervisor of fresh) {
      // Two of one server at once may want the same port, file or lock.
      const predecessor = retired.get(supervisor.config.name);
      if (predecessor === undefined) void supervisor.start();
      else void predecessor.then(() => supervisor.start());
    }
    await Promise.all(retired.values());
  }

  /** Reads one POST of a client. Throws GatewayError. */
  receive(body: Buffer, headers: IncomingHttpHeaders, principalId: string): Inbound {
    return receive(body, headers, principalId, this.sessions);
  }

  /** JSON text of the answer to `initialize` (legacy) or `server/discover` (modern). */
  describe(visibility: Visibility, era: Era, revision: string, scopeName: string | undefined): Buffer {
    const offers = visibility.servers
      .map((name) => this.catalog.get(name))
      .filter((offer) => offer !== undefined);
    return describeGateway({ era, revision, scopeName, identity: this.#deps.identity, offers });
  }

  /** JSON text of the `tools/list` result. Waits, bounded, for servers in scope that were never seen before. */
  async listTools(visibility: Visibility, era: Era): Promise<Buffer> {
    await this.#firstSight(visibility);
    const view = this.#view(visibility);
    return era === 'modern' ? view.modernList : view.legacyList;
  }

  /** What a name stands for; waits, bounded, when it is unknown and a server in scope was never seen before. */
  async resolve(visibility: Visibility, name: string): Promise<Resolved> {
    const resolved = this.#view(visibility).resolve(name);
    if (resolved.kind !== 'unknown') return resolved;
    return (await this.#firstSight(visibility)) ? this.#view(visibility).resolve(name) : resolved;
  }

  /** The tools of a visibility with the names that they are offered under. */
  async tools(visibility: Visibility): Promise<ReadonlyMap<string, ToolEntry>> {
    await this.#firstSight(visibility);
    return this.#view(visibility).names;
  }

  /** Whether some server has a tool of that name that this visibility hides. For the ledger alone: it must not be told to the caller. */
  isHidden(visibility: Visibility, name: string): boolean {
    const all: Visibility = {
      key: '*',
      servers: this.#config.servers.map((server) => server.name),
      allowsTool: () => true,
    };
    return (
      this.#view(visibility).resolve(name).kind === 'unknown' &&
      this.#view(all).resolve(name).kind !== 'unknown'
    );
  }

  /** Throws `header-mismatch` when a modern call's `Mcp-Param-*` headers contradict its arguments. */
  checkCallHeaders(tool: ToolEntry, params: JsonObject | undefined, headers: IncomingHttpHeaders): void {
    if (tool.paramHeaders.length > 0)
      validateParamHeaders(tool.paramHeaders, params?.value('arguments'), headers);
  }

  /** Sends one call to its server. Rejects with GatewayError. */
  call(
    tool: ToolEntry,
    params: JsonObject | undefined,
    options: Omit<CallOptions, 'timeoutMs'>,
  ): Promise<RpcReply> {
    const supervisor = this.#supervisors.get(tool.server);
    if (supervisor === undefined)
      return Promise.reject(new GatewayError('tool-unknown', { name: tool.originalName }));
    return supervisor
      .call(tool, params, { ...options, timeoutMs: supervisor.config.callTimeoutMs })
      .catch((error: unknown) => {
        if (this.#supervisors.get(tool.server) === supervisor) throw error;
        return this.#callSuccessor(error, tool, params, options);
      });
  }

  /** Calls `listener` with each notification that goes to every legacy client, for those whose streams are held elsewhere. */
  onAnnouncement(listener: (message: Buffer) => void): void {
    this.#announcements.add(listener);
  }

  status(): ServerStatus[] {
    return [...this.#supervisors.values()].map((supervisor) => supervisor.status());
  }

  /** Binds a GET stream to a session; an earlier one is replaced (Codex and Copilot reconnect without closing). */
  attach(session: Session, stream: NonNullable<Session['stream']>): void {
    session.stream?.close();
    session.stream = stream;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#announcing);
    for (const stream of this.sessions.streams()) stream.close();
    await Promise.all([...this.#supervisors.values()].map((supervisor) => supervisor[Symbol.asyncDispose]()));
    await this.catalog.settled();
  }

  #supervise(config: ServerConfig): Supervisor {
    return new Supervisor(config, { ...this.#deps, catalog: this.catalog, transports: this.#transports });
  }

  /** A call that failed on a server that was given up meanwhile: what it did not take, or may be repeated, goes to its successor. */
  #callSuccessor(
    error: unknown,
    tool: ToolEntry,
    params: JsonObject | undefined,
    options: Omit<CallOptions, 'timeoutMs'>,
  ): Promise<RpcReply> {
    const code = error instanceof GatewayError ? error.code : undefined;
    const wasCut = code === 'client-gone' || code === 'call-lost';
    if (options.signal?.aborted === true || (code !== 'shutting-down' && !wasCut)) throw error;
    if (code === 'shutting-down' || tool.repeatable) return this.call(tool, params, options);
    const reason = 'its entry in the configuration was changed or removed.';
    throw new GatewayError('call-lost', { server: tool.server, reason }, { cause: error });
  }

  /** Never rejects. */
  #retire(supervisor: Supervisor): Promise<void> {
    const closing = Promise.resolve(supervisor[Symbol.asyncDispose]());
    return withDeadline(closing, RETIRE_MS, 'closing').catch((error: unknown) =>
      this.#deps.log.warn('a server that was given up did not close', {
        server: supervisor.config.name,
        error,
      }),
    );
  }

  #view(visibility: Visibility): View {
    const known = this.#views.get(visibility.key);
    if (known?.version === this.catalog.version) return known.view;
    const servers = visibility.servers.map((name) => {
      const config = this.#supervisors.get(name)?.config;
      const tools =
        this.catalog.get(name)?.tools.filter((tool) => visibility.allowsTool(name, tool.originalName)) ?? [];
      return { name, prefix: config?.alias ?? name, tools };
    });
    const view = buildView(servers, this.#config.separator);
    if (this.#views.size >= VIEWS_MAX) this.#views.delete(this.#views.keys().next().value!);
    this.#views.delete(visibility.key);
    this.#views.set(visibility.key, { version: this.catalog.version, view });
    return view;
  }

  /** Waits until each never-seen server in scope has answered or failed once, at most until `firstListWaitMs` after the start: a server
   * that takes longer delays no list after the first. Tells whether it waited. */
  async #firstSight(visibility: Visibility): Promise<boolean> {
    const unseen = visibility.servers
      .filter((name) => this.catalog.get(name) === undefined)
      .map((name) => this.#supervisors.get(name)?.firstStart());
    const pending = unseen.filter((start) => start !== undefined);
    const leftMs = this.#startedMs + this.#deps.bounds.firstListWaitMs - this.#deps.clock.monotonicMs();
    if (pending.length === 0 || leftMs <= 0) return false;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, leftMs);
    });
    await Promise.race([Promise.all(pending), patience]);
    clearTimeout(timer);
    return true;
  }

  /** Tells legacy clients with an open stream, once for changes that come together. */
  #announceLater(): void {
    this.#announcing ??= setTimeout(() => {
      this.#announcing = undefined;
      for (const stream of this.sessions.streams()) stream.send(undefined, LIST_CHANGED);
      for (const listener of this.#announcements) listener(LIST_CHANGED);
    }, LIST_CHANGED_DELAY_MS).unref();
  }
}

const LIST_CHANGED = Buffer.from('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}');
