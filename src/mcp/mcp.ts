import type { IncomingHttpHeaders } from 'node:http';
import type { Bounds } from '../core/bounds.ts';
import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { JsonObject } from '../core/json-scan.ts';
import { createSeal } from '../core/seal.ts';
import type { HttpClient } from '../net/http-client.ts';
import type { Log } from '../telemetry/log.ts';
import { Catalog } from './catalog/catalog.ts';
import type { ToolEntry } from './catalog/tool-entry.ts';
import { callOf, createOverrider, overrideFindings } from './catalog/tool-override.ts';
import { type AcceptedTool, ToolReview } from './catalog/tool-review.ts';
import { buildView, type Resolved, type View, type ViewServer } from './catalog/view.ts';
import { describeGateway } from './downstream/describe.ts';
import { type Inbound, receive } from './downstream/receive.ts';
import { type Session, Sessions } from './downstream/sessions.ts';
import type {
  CatalogStore,
  InProcessServer,
  McpConfig,
  ServerConfig,
  ToolHistoryStore,
  Visibility,
} from './mcp-ports.ts';
import type { CallOptions } from './upstream/peer.ts';
import type { ServerStatus } from './upstream/server-state.ts';
import { Supervisor } from './upstream/supervisor.ts';
import { createTransports } from './upstream/transports/factory.ts';
import type { RpcReply } from './wire/message.ts';
import { validateParamHeaders } from './wire/modern/validate.ts';
import type { Identity } from './wire/outbound.ts';
import type { Era } from './wire/revisions.ts';

const VIEWS_MAX = 500;
const LIST_CHANGED_DELAY_MS = 100;

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
  readonly review: ToolReview;
  readonly #deps: McpDeps;
  readonly #supervisors = new Map<string, Supervisor>();
  readonly #overridden = createOverrider();
  readonly #views = new Map<string, { readonly version: number; readonly view: View }>();
  readonly #announcements = new Set<(message: Buffer) => void>();
  #announcing: NodeJS.Timeout | undefined;
  #startedMs = 0;

  constructor(deps: McpDeps) {
    this.#deps = deps;
    this.review = new ToolReview({ ...deps, store: deps.toolHistory });
    this.catalog = new Catalog({ ...deps, review: this.review });
    this.sessions = new Sessions(createSeal(deps.sessionSecret), deps.bounds);
    const transports = createTransports({
      http: deps.http,
      bounds: deps.bounds,
      inProcess: deps.inProcess,
      environment: deps.environment,
    });
    for (const config of deps.config.servers) {
      this.#supervisors.set(
        config.name,
        new Supervisor(config, { ...deps, catalog: this.catalog, transports }),
      );
    }
    this.catalog.onChange(() => this.#announceLater());
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
      servers: this.#deps.config.servers.map((server) => server.name),
      allowsTool: () => true,
    };
    return (
      this.#view(visibility).resolve(name).kind === 'unknown' &&
      this.#view(all).resolve(name).kind !== 'unknown'
    );
  }

  /** The tool that a name would stand for if it were not held back. */
  heldTool(visibility: Visibility, name: string): ToolEntry | undefined {
    const held = this.#servers(visibility, (server, tool) => this.review.holds(server, tool));
    const resolved = buildView(held, this.#deps.config.separator).resolve(name);
    return resolved.kind === 'found' ? resolved.tool : undefined;
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

  /** Sends one call to its server. Rejects with GatewayError. */
  async call(
    tool: ToolEntry,
    params: JsonObject | undefined,
    options: Omit<CallOptions, 'timeoutMs'>,
  ): Promise<RpcReply> {
    const supervisor = this.#supervisors.get(tool.server);
    if (supervisor === undefined) throw new GatewayError('tool-unknown', { name: tool.originalName });
    const sent = callOf(tool, params);
    return supervisor.call(sent.tool, sent.params, {
      ...options,
      timeoutMs: supervisor.config.callTimeoutMs,
    });
  }

  /** Calls `listener` with each notification that goes to every legacy client, for those whose streams are held elsewhere. */
  onAnnouncement(listener: (message: Buffer) => void): void {
    this.#announcements.add(listener);
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
    await this.review.settled();
  }

  #view(visibility: Visibility): View {
    const known = this.#views.get(visibility.key);
    if (known?.version === this.catalog.version) return known.view;
    const offered = this.#servers(visibility, (server, tool) => !this.review.holds(server, tool));
    const view = buildView(offered, this.#deps.config.separator);
    if (this.#views.size >= VIEWS_MAX) this.#views.delete(this.#views.keys().next().value!);
    this.#views.delete(visibility.key);
    this.#views.set(visibility.key, { version: this.catalog.version, view });
    return view;
  }

  /** The servers in scope, each with those of its tools, as they are offered, that are visible and that `shows` lets through. */
  #servers(visibility: Visibility, shows: (server: string, originalName: string) => boolean): ViewServer[] {
    return visibility.servers.map((name) => {
      const config = this.#supervisors.get(name)?.config;
      const all = this.catalog.get(name)?.tools ?? NO_TOOLS;
      const offered = config === undefined ? all : this.#overridden(config, all).tools;
      const tools = offered.filter(
        ({ originalName }) => visibility.allowsTool(name, originalName) && shows(name, originalName),
      );
      return { name, prefix: config?.alias ?? name, tools };
    });
  }

  /** Waits until each never-seen server in scope has answered or failed once, at most until `firstListWaitMs` after the start: a server
   * that takes longer delays no list after the first. Tells whether it waited. */
  async #firstSight(visibility: Visibility): Promise<boolean> {
    const unseen = visibility.servers
      .filter((name) => this.catalog.get(name) === undefined)
      .map((name) => this.#supervisors.get(name)!.firstStart());
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

const NO_TOOLS: readonly ToolEntry[] = [];
const LIST_CHANGED = Buffer.from('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}');
