import type { Cancellation } from '../../core/cancellation.ts';
import { type ErrorCode, type Facts, GatewayError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json-scan.ts';
import { withDeadline } from '../../core/scope.ts';
import { errorChain } from '../../telemetry/log.ts';
import type { CallTarget } from '../calls/target.ts';
import type { Caller } from '../mcp-caller.ts';
import type { ServerConfig } from '../mcp-ports.ts';
import { GATEWAY_CAPABILITIES } from '../wire/capabilities.ts';
import type { Era } from '../wire/revisions.ts';
import { callError, mayRepeat, sentence } from './call-error.ts';
import { connectServer } from './connect.ts';
import { type CallOptions, Connection, type ConnectionHooks, type ServerReply } from './connection.ts';
import { UpstreamFailure } from './failure.ts';
import { FairGate } from './fair-gate.ts';
import { Findings } from './findings.ts';
import { ListRefresh } from './list-refresh.ts';
import { IsolatedConnections } from './isolated-connections.ts';
import { readOffer } from './read-offer.ts';
import { describeServer, type ServerStatus, type StateName } from './server-state.ts';
import type { SupervisorDeps } from './supervisor-deps.ts';
import { Watches } from './watches.ts';

const BACKOFF_MS = [1_000, 2_000, 4_000, 8_000, 16_000] as const;
const PARKED_RETRY_MS = 60_000;
const STABLE_MS = 5 * 60_000;
/** How long a call waits for a server that has failed before to come back. */
const COMEBACK_MS = 5_000;
/** A call does not wake a server whose last start failed less than this long ago. */
const WAKE_MS = 1_000;
const AUTH_RETRY_MS = 60_000;
const CLOSE_MS = 8_000;
/** How long a server that let a call time out may take to answer a ping. */
const PING_MS = 10_000;

/**
 * One server's life: started, watched, started again with backoff, parked when it keeps failing or refuses our credentials, stopped.
 * One connection serves all calls, unless the server cannot be shared. A call may wake a server that is down.
 */
export class Supervisor implements AsyncDisposable {
  readonly config: ServerConfig;
  readonly watches: Watches;
  readonly #deps: SupervisorDeps;
  readonly #findings: Findings;
  readonly #refresh: ListRefresh;
  readonly #gate: FairGate;
  readonly #now: () => number;
  #isolated: IsolatedConnections | undefined;
  #state: StateName = 'stopped';
  #since: number;
  #reason: string | undefined;
  #connection: Connection | undefined;
  #starting: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #starts = 0;
  #readySince = 0;
  #lastUsed = 0;
  #authRefusal: number | undefined;
  #failedStarts = 0;
  #lastFailedStart = Number.NEGATIVE_INFINITY;
  #disposed = false;
  #stop = new AbortController();
  readonly #closing = new Set<Promise<unknown>>();
  #suspecting: Connection | undefined;

  constructor(config: ServerConfig, deps: SupervisorDeps) {
    this.config = config;
    this.#deps = deps;
    this.#now = () => deps.clock.monotonicMs();
    this.#since = deps.clock.now();
    this.#gate = new FairGate(config.concurrency);
    this.#findings = new Findings(config.name, deps.log);
    this.#refresh = new ListRefresh(
      async () => {
        if (this.#connection !== undefined) await this.#read(this.#connection);
      },
      (error) =>
        deps.log.warn('the lists of a server could not be read again', { server: config.name, error }),
      this.#now,
    );
    this.watches = new Watches((reason) =>
      deps.log.warn('changes of a server cannot be watched', { server: config.name, reason }),
    );
  }

  /** Starts the server, or waits for the start that is under way. Never rejects: the outcome is the state. */
  start(): Promise<void> {
    if (this.#connection !== undefined || this.#disposed) return Promise.resolve();
    clearTimeout(this.#timer);
    this.#starting ??= this.#attempt().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  /** The first start while it is still under way. */
  firstStart(): Promise<void> | undefined {
    return this.#starts === 1 ? this.#starting : undefined;
  }

  /**
   * Sends one call: waits for its turn and for a start under way, wakes a server that is down, heals a lost session once. Rejects with
   * GatewayError.
   */
  async call(
    target: CallTarget,
    params: JsonObject | undefined,
    caller: Caller,
    options: CallOptions,
  ): Promise<ServerReply> {
    if (!this.#gate.tryEnter()) await this.#turn(caller, options.totalMs);
    this.#lastUsed = this.#now();
    try {
      return await (this.#isIsolated
        ? this.#callAlone(target, params, caller, options)
        : this.#callShared(target, params, caller, options));
    } finally {
      this.#gate.leave();
    }
  }

  async #callShared(
    target: CallTarget,
    params: JsonObject | undefined,
    caller: Caller,
    options: CallOptions,
  ): Promise<ServerReply> {
    let connection = this.#connection ?? (await this.#usable(caller.cancellation));
    for (let attempt = 1; ; attempt++) {
      try {
        return { reply: await connection.call(target, params, caller, options), era: connection.peer.era };
      } catch (error) {
        if (!(error instanceof UpstreamFailure)) throw error;
        if (error.kind === 'timeout') this.#suspect(connection);
        if (attempt > 1 || !mayRepeat(error, target)) throw this.#callError(error);
        this.#lose(connection, error);
        connection = await this.#usable(caller.cancellation);
      }
    }
  }

  /** A call over a connection of the caller's own. */
  async #callAlone(
    target: CallTarget,
    params: JsonObject | undefined,
    caller: Caller,
    options: CallOptions,
  ): Promise<ServerReply> {
    if (this.#disposed) throw new GatewayError('shutting-down');
    const isolated = (this.#isolated ??= this.#openIsolated());
    try {
      const reply = await isolated.call(target, params, caller, options);
      if (reply === undefined) throw this.#error('server-busy', { max: isolated.size });
      return reply;
    } catch (error) {
      throw error instanceof UpstreamFailure ? this.#callError(error) : error;
    }
  }

  async #turn(caller: Caller, timeoutMs: number): Promise<void> {
    const admitted = await this.#gate.enter(caller.principalId, caller.cancellation, timeoutMs);
    if (admitted === true) return;
    if (caller.cancellation.isCancelled) throw new GatewayError('client-gone');
    throw this.#error('server-busy', { max: this.config.concurrency });
  }

  /** Passes a client's notification to the connection that is this client's alone, when there is one. */
  tell(conversationId: string, method: string, params: Buffer | undefined): void {
    for (const connection of this.#isolated?.of(conversationId) ?? []) connection.tell(method, params);
  }

  /** Passes a client's notification to the connection that its calls go over, when it is open. */
  pass(conversationId: string, method: string, params: Buffer | undefined): void {
    if (this.#isIsolated) this.tell(conversationId, method, params);
    else this.#connection?.tell(method, params);
  }

  /** The era that the server spoke last. */
  get era(): Era | undefined {
    return (this.#connection?.found ?? this.#deps.catalog.get(this.config.name)?.found)?.era;
  }

  /** Looks after deadlines; called several times a second. */
  check(nowMs: number): void {
    this.#connection?.check(nowMs);
    this.#isolated?.check(nowMs);
    const { idleShutdownMs } = this.config;
    if (
      idleShutdownMs !== undefined &&
      this.#connection !== undefined &&
      this.#gate.inside === 0 &&
      this.watches.size === 0 &&
      nowMs - Math.max(this.#lastUsed, this.#readySince) > idleShutdownMs
    )
      this.#rest();
  }

  /** Reads the lists again when the server said that they hold no longer. */
  refreshIfStale(): void {
    this.#refresh.ifStale();
  }

  /** Ends the server and starts it anew. Resolves when the start has succeeded or failed. */
  async restart(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#failures = 0;
    this.#failedStarts = 0;
    this.#authRefusal = undefined;
    this.#lastFailedStart = Number.NEGATIVE_INFINITY;
    this.watches.end();
    const isolated = this.#isolated;
    this.#isolated = undefined;
    await Promise.allSettled([connection?.[Symbol.asyncDispose](), isolated?.[Symbol.asyncDispose]()]);
    await this.start();
  }

  status(): ServerStatus {
    return describeServer({
      config: this.config,
      known: this.#deps.catalog.get(this.config.name),
      connection: this.#connection,
      state: this.#state,
      since: this.#since,
      reason: this.#reason,
      isIsolated: this.#isIsolated,
      isolatedConnections: this.#isolated?.size ?? 0,
      inFlight: this.#gate.inside,
      waiting: this.#gate.waiting,
      starts: this.#starts,
      failures: this.#failures,
      findings: this.#findings.list(),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    clearTimeout(this.#timer);
    this.watches.end();
    const connection = this.#connection;
    this.#connection = undefined;
    this.#enter('stopped', 'the gateway is stopping');
    this.#stop.abort();
    await Promise.allSettled([
      connection?.[Symbol.asyncDispose](),
      this.#isolated?.[Symbol.asyncDispose](),
      this.#starting,
      ...this.#closing,
    ]);
  }

  get #isIsolated(): boolean {
    return this.config.isolation !== 'shared' || this.#deps.catalog.get(this.config.name)?.isolated === true;
  }

  /** The connection, started or waited for. Rejects with GatewayError. */
  async #usable(cancellation: Cancellation): Promise<Connection> {
    if (this.#disposed) throw new GatewayError('shutting-down');
    const sinceFailure = this.#now() - this.#lastFailedStart;
    const rest = this.#authRefusal === undefined ? WAKE_MS : AUTH_RETRY_MS;
    if (this.#starting === undefined && this.#connection === undefined && sinceFailure < rest)
      throw this.#downError();
    const patience = this.#failedStarts === 0 ? this.config.startTimeoutMs : COMEBACK_MS;
    const waiting = withDeadline(this.start(), patience, `starting ${this.config.name}`).catch(
      () => undefined,
    );
    await Promise.race([waiting, cancellation.wait()]);
    if (cancellation.isCancelled) throw new GatewayError('client-gone');
    if (this.#connection === undefined) throw this.#downError();
    return this.#connection;
  }

  async #attempt(): Promise<void> {
    this.#starts++;
    this.#enter('starting', this.#reason);
    const connection = new Connection(this.#hooks(), this.#stop.signal, this.#now);
    try {
      await this.#connect(connection, GATEWAY_CAPABILITIES);
      await this.#read(connection);
      if (this.#disposed) throw new UpstreamFailure('cancelled', 'the gateway is stopping');
      this.#connection = connection;
      this.#authRefusal = undefined;
      this.#failedStarts = 0;
      this.#readySince = this.#now();
      this.#enter('ready', undefined);
      this.watches.begin(connection);
    } catch (error) {
      await connection[Symbol.asyncDispose]();
      if (!this.#disposed) this.#failed(error);
    }
  }

  async #connect(connection: Connection, capabilities: string): Promise<void> {
    const remembered = this.#deps.catalog.get(this.config.name)?.found;
    const connected = await connectServer(this.config, remembered, connection.events, {
      transports: this.#deps.transports,
      introduction: { identity: this.#deps.identity, capabilities },
    });
    connection.begin(connected);
    if (connected.finding !== undefined) this.#findings.add(connected.finding);
  }

  #hooks(): ConnectionHooks {
    const { name } = this.config;
    return {
      onListChanged: () => this.#refresh.soon(),
      onResourceUpdated: (uri, notification) => this.#deps.onResourceUpdated(name, uri, notification),
      onTask: (notification) => this.#deps.onTask(name, notification),
      onClosed: (connection, reason) => {
        if (this.#isolated?.lost(connection) !== true)
          this.#lose(connection, new UpstreamFailure('closed', reason));
      },
      onOddity: (text) =>
        this.#findings.add({
          code: 'stdout-noise',
          text: `Server "${name}" writes text that is no message where messages belong: ${JSON.stringify(text)}`,
          fix: undefined,
        }),
      onAmbiguous: () => this.#learnIsolation(),
    };
  }

  #openIsolated(): IsolatedConnections {
    return new IsolatedConnections({
      by: this.config.isolation === 'key' ? 'key' : 'session',
      idleMs: this.config.idleShutdownMs,
      now: this.#now,
      hooks: this.#hooks(),
      connect: (connection, capabilities) => this.#connect(connection, capabilities),
    });
  }

  /** A question of the server's could have been for several clients: from now on each of them gets a connection of its own. */
  #learnIsolation(): void {
    if (this.#isIsolated) return;
    this.#deps.catalog.isolate(this.config);
    this.#findings.add({
      code: 'isolation-learned',
      text: `Server "${this.config.name}" asks its client questions while calls of several clients are under way, and does not say which call they belong to. From now on each client session has a connection of its own.`,
      fix: `${this.config.source.file}:${this.config.source.line}: isolation: session`,
    });
  }

  /** Reads what a fresh connection offers into the catalogue. */
  async #read(connection: Connection): Promise<void> {
    const offer = await readOffer(connection.peer, this.config.startTimeoutMs);
    const { serverInfo, instructions, capabilities } = connection.peer;
    this.#refresh.validFor(offer.ttlMs);
    for (const reason of this.#deps.catalog.replace(this.config, {
      found: connection.found,
      serverInfo,
      capabilities,
      instructions,
      isolated: this.#deps.catalog.get(this.config.name)?.isolated === true,
      offer,
    })) {
      this.#findings.add({
        code: 'tool-refused',
        text: `Server "${this.config.name}" lists ${reason}.`,
        fix: undefined,
      });
    }
  }

  /** Gives a connection up and starts anew, at once or later; concurrent callers share the one new start. */
  #lose(connection: Connection, failure: UpstreamFailure): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.watches.end();
    // The other calls of a session that is lost may have been answered still; each finds out for itself.
    if (failure.kind === 'session-lost') this.#closeLater(connection, connection.idle());
    else this.#closeLater(connection);
    if (this.#now() - this.#readySince > STABLE_MS) this.#failures = 0;
    if (failure.kind === 'session-lost') {
      void this.start();
      return;
    }
    this.#failures++;
    this.#deps.log.warn('a server went away', { server: this.config.name, reason: failure.message });
    this.#enter('down', failure.message);
    this.#schedule(this.#backoff());
  }

  /** A call was not answered in time: a server that does not even answer a ping is hung, and is started anew. */
  #suspect(connection: Connection): void {
    if (this.#connection !== connection || this.#suspecting === connection) return;
    this.#suspecting = connection;
    this.#enter('degraded', 'a call was not answered in time');
    void connection.isAlive(PING_MS).then((isAlive) => {
      this.#suspecting = undefined;
      if (this.#connection !== connection) return;
      if (isAlive) this.#enter('ready', undefined);
      else
        this.#lose(
          connection,
          new UpstreamFailure('closed', 'it hangs: it answered neither a call nor a ping'),
        );
    });
  }

  /** Ends a server that nobody uses; the next call starts it again. */
  #rest(): void {
    const connection = this.#connection!;
    this.#connection = undefined;
    this.watches.end();
    this.#enter('stopped', 'it was not used for a while; the next call starts it');
    this.#closeLater(connection);
  }

  #closeLater(connection: Connection, first: Promise<void> = Promise.resolve()): void {
    const closing = withDeadline(
      first.then(() => connection[Symbol.asyncDispose]()),
      CLOSE_MS,
      'closing',
    )
      .catch((error: unknown) =>
        this.#deps.log.warn('a lost connection did not close', { server: this.config.name, error }),
      )
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #failed(error: unknown): void {
    this.#failures++;
    this.#failedStarts++;
    this.#lastFailedStart = this.#now();
    const reason = errorChain(error);
    const status =
      error instanceof UpstreamFailure && error.kind === 'auth' ? (error.status ?? 401) : undefined;
    this.#authRefusal = status;
    if (status !== undefined) {
      this.#enter('parked', `it refuses the gateway's credentials (HTTP ${status})`);
      this.#deps.log.error('a server refuses the credentials it is called with', {
        server: this.config.name,
        status,
        fix: `${this.config.source.file}:${this.config.source.line}: correct auth_type and auth_value`,
      });
      return;
    }
    const parked = this.#failures >= BACKOFF_MS.length;
    this.#deps.log.warn('a server could not be started', {
      server: this.config.name,
      failures: this.#failures,
      reason,
    });
    this.#enter(parked ? 'parked' : 'down', reason);
    this.#schedule(parked ? PARKED_RETRY_MS : this.#backoff());
  }

  #backoff(): number {
    const base = BACKOFF_MS[Math.min(this.#failures, BACKOFF_MS.length) - 1] ?? BACKOFF_MS[0];
    return base * (0.75 + this.#deps.random() * 0.5);
  }

  #schedule(ms: number): void {
    if (this.#disposed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.start();
    }, ms).unref();
  }

  #callError(failure: UpstreamFailure): GatewayError {
    if (failure.kind === 'closed' && failure.delivered === 'no') return this.#downError();
    return callError(this.config.name, failure, new Date(this.#since).toISOString());
  }

  #downError(): GatewayError {
    if (this.#authRefusal !== undefined) return this.#error('server-auth', { status: this.#authRefusal });
    const state = this.#state === 'starting' ? 'starting' : 'down';
    return this.#error('server-down', {
      state,
      since: new Date(this.#since).toISOString(),
      reason: this.#reason === undefined ? '' : sentence(this.#reason),
    });
  }

  #error(
    code: ErrorCode,
    facts: Facts,
    options: { cause?: unknown; operatorText?: string } = {},
  ): GatewayError {
    return new GatewayError(code, { server: this.config.name, ...facts }, options);
  }

  #enter(state: StateName, reason: string | undefined): void {
    const stillDown = state === 'starting' && this.#failedStarts > 0;
    if (this.#state !== state && !stillDown) this.#since = this.#deps.clock.now();
    this.#state = state;
    this.#reason = reason;
    this.#deps.log.debug('server state', { server: this.config.name, state, reason });
  }
}
