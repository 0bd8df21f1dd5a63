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
import { callError, isLost, mayRepeat, sentence } from './call-error.ts';
import { connectServer } from './connect.ts';
import { type CallOptions, Connection, type ConnectionHooks, type ServerReply } from './connection.ts';
import { UpstreamFailure } from './failure.ts';
import { FairGate } from './fair-gate.ts';
import { Findings } from './findings.ts';
import { ListRefresh } from './list-refresh.ts';
import { IsolatedConnections } from './isolated-connections.ts';
import { LeavingConnections } from './leaving-connections.ts';
import { readOffer } from './read-offer.ts';
import { type NextTry, RestartPolicy } from './restart-policy.ts';
import { describeServer, type ServerStatus, type StateChange, type StateName } from './server-state.ts';
import type { SupervisorDeps } from './supervisor-deps.ts';
import { Watches } from './watches.ts';

const HISTORY_MAX = 50;
/** A server that ends so soon after it was refused roots may have ended because of that. */
const ROOTS_MS = 2_000;

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
  readonly #policy: RestartPolicy;
  readonly #gate: FairGate;
  readonly #now: () => number;
  #isolated: IsolatedConnections | undefined;
  #state: StateName = 'stopped';
  #since: number;
  #reason: string | undefined;
  #history: StateChange[] = [];
  #lastWords = '';
  #connection: Connection | undefined;
  #starting: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #starts = 0;
  #lastUsed = 0;
  #disposed = false;
  /** Ends the start under way, or the connection that it led to. */
  #stop = new AbortController();
  readonly #leaving: LeavingConnections;
  #suspecting: Connection | undefined;
  #needsRoots = false;
  #changedEarly = false;

  constructor(config: ServerConfig, deps: SupervisorDeps) {
    this.config = config;
    this.#deps = deps;
    const now = (): number => deps.clock.monotonicMs();
    this.#now = now;
    this.#since = deps.clock.now();
    this.#gate = new FairGate(config.concurrency);
    this.#leaving = new LeavingConnections((error) => this.#notClosed(error));
    this.#policy = new RestartPolicy(this.#now, deps.random);
    this.#findings = new Findings(config.name, deps.log);
    this.#refresh = new ListRefresh(
      async () => {
        if (this.#connection !== undefined) await this.#read(this.#connection);
      },
      (error) =>
        deps.log.warn('the lists of a server could not be read again', { server: config.name, error }),
      this.#now,
    );
    this.watches = new Watches(
      (reason) => deps.log.warn('changes of a server cannot be watched', { server: config.name, reason }),
      () => this.#refresh.soon(),
    );
  }

  /**
   * Starts the server, or waits for the start that is under way. `after`: what must be over before, for those who call meanwhile, too. Never
   * rejects: the outcome is the state.
   */
  start(after?: Promise<unknown>): Promise<void> {
    if (this.#connection !== undefined || this.#disposed) return Promise.resolve();
    return this.#starting ?? this.#begin(after);
  }

  #begin(after: Promise<unknown> | undefined): Promise<void> {
    clearTimeout(this.#timer);
    const stop = new AbortController();
    const attempt = after === undefined ? this.#attempt(stop) : after.then(() => this.#attempt(stop));
    const starting = attempt.finally(() => {
      if (this.#starting === starting) this.#starting = undefined;
    });
    this.#stop = stop;
    this.#starting = starting;
    return starting;
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
    const gated: CallOptions = { ...options, gate: this.#gate };
    try {
      return await (this.#isIsolated
        ? this.#callAlone(target, params, caller, gated)
        : this.#callShared(target, params, caller, gated));
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
        if (isLost(error, connection)) this.#lose(connection, error);
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
    this.#leaving.check(nowMs);
    this.#isolated?.check(nowMs);
    const { idleShutdownMs } = this.config;
    if (
      idleShutdownMs !== undefined &&
      this.#connection !== undefined &&
      this.#gate.inside === 0 &&
      this.watches.size === 0 &&
      nowMs - Math.max(this.#lastUsed, this.#policy.readySince) > idleShutdownMs
    )
      this.#rest();
  }

  /** Reads the lists again when the server said that they hold no longer. */
  refreshIfStale(): void {
    this.#refresh.ifStale();
  }

  /** Ends the server and starts it anew. Resolves when the start has succeeded or failed. */
  restart(): Promise<void> {
    if (this.#disposed) return Promise.resolve();
    const connection = this.#connection;
    this.#connection = undefined;
    this.#policy.reset();
    this.watches.end();
    const isolated = this.#isolated;
    this.#isolated = undefined;
    this.#enter('starting', 'it is started anew');
    const before = this.#starting;
    this.#stop.abort();
    return this.#begin(
      Promise.allSettled([
        before,
        connection?.[Symbol.asyncDispose](),
        isolated?.[Symbol.asyncDispose](),
        this.#leaving.end(),
      ]),
    );
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
      failures: this.#policy.failures,
      findings: this.#findings.list(),
      history: this.#history,
      lastWords: this.#lastWords,
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
      this.#leaving.end(),
    ]);
  }

  get #isIsolated(): boolean {
    return this.config.isolation !== 'shared' || this.#deps.catalog.get(this.config.name)?.isolated === true;
  }

  /** The connection, started or waited for. Rejects with GatewayError. */
  async #usable(cancellation: Cancellation): Promise<Connection> {
    if (this.#disposed) throw new GatewayError('shutting-down');
    if (this.#starting === undefined && this.#connection === undefined && !this.#policy.mayWake())
      throw this.#downError();
    const patience = this.#policy.patienceMs(this.config.startTimeoutMs);
    const waiting = withDeadline(this.start(), patience, `starting ${this.config.name}`).catch(
      () => undefined,
    );
    await Promise.race([waiting, cancellation.wait()]);
    if (cancellation.isCancelled) throw new GatewayError('client-gone');
    if (this.#connection === undefined) throw this.#downError();
    return this.#connection;
  }

  async #attempt({ signal }: AbortController): Promise<void> {
    if (signal.aborted || this.#disposed) return;
    this.#starts++;
    this.#enter('starting', this.#reason);
    const connection = new Connection(this.#hooks(), signal, this.#now);
    try {
      await this.#connect(connection, GATEWAY_CAPABILITIES);
      await this.#read(connection);
      if (signal.aborted) throw new UpstreamFailure('cancelled', 'it was stopped');
      this.#connection = connection;
      this.#policy.started();
      this.#enter('ready', undefined);
      this.watches.begin(connection);
      if (this.#changedEarly) this.#refresh.soon();
      this.#changedEarly = false;
    } catch (error) {
      if (connection.hasRefusedRoots) this.#needsRoots = true;
      await connection[Symbol.asyncDispose]().catch((trouble: unknown) => this.#notClosed(trouble));
      if (!signal.aborted) this.#failed(error);
    }
  }

  #notClosed(error: unknown): void {
    this.#deps.log.warn('a lost connection did not close', { server: this.config.name, error });
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
      onListChanged: () => {
        // What was read during the start may be the old list still.
        if (this.#connection === undefined) this.#changedEarly = true;
        else this.#refresh.soon();
      },
      onResourceUpdated: (uri, notification) => this.#deps.onResourceUpdated(name, uri, notification),
      onTask: (notification) => this.#deps.onTask(name, notification),
      onClosed: (connection, reason) => {
        if (this.#isolated?.lost(connection) !== true)
          this.#lose(connection, new UpstreamFailure('closed', reason));
      },
      onOddity: (text) => this.#findings.noise(text),
      needsRoots: () => this.#needsRoots,
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
    this.#findings.isolated(`${this.config.source.file}:${this.config.source.line}`);
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
      this.#findings.refusedTool(reason);
    }
  }

  /** Gives a connection up and starts anew, at once or later; concurrent callers share the one new start. */
  #lose(connection: Connection, failure: UpstreamFailure, isHung = false): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.watches.end();
    // Its other calls may be answered still, over HTTP; each finds out for itself.
    this.#leaving.add(connection, isHung ? 'at once' : 'idle');
    if (failure.kind === 'session-lost') {
      this.#policy.endOfStability();
      void this.start();
      return;
    }
    this.#deps.log.warn('a server went away', { server: this.config.name, reason: failure.message });
    if (connection.hasRefusedRoots && this.#now() - this.#policy.readySince < ROOTS_MS)
      this.#needsRoots = true;
    this.#startLater(this.#policy.lost(), failure.message);
  }

  /** A call was not answered in time: a server that does not even answer a ping is hung, and is started anew. */
  #suspect(connection: Connection): void {
    if (this.#connection !== connection || this.#suspecting === connection) return;
    this.#suspecting = connection;
    this.#enter('degraded', 'a call was not answered in time');
    void connection.isAlive().then((isAlive) => {
      this.#suspecting = undefined;
      if (this.#connection !== connection) return;
      if (isAlive) this.#enter('ready', undefined);
      else
        this.#lose(
          connection,
          new UpstreamFailure('closed', 'it hangs: it answered neither a call nor a ping'),
          true,
        );
    });
  }

  /** Ends a server that nobody uses; the next call starts it again. */
  #rest(): void {
    const connection = this.#connection!;
    this.#connection = undefined;
    this.watches.end();
    this.#policy.endOfStability();
    this.#enter('stopped', 'it was not used for a while; the next call starts it');
    this.#leaving.add(connection, 'at once');
  }

  #failed(error: unknown): void {
    const reason = errorChain(error);
    const status =
      error instanceof UpstreamFailure && error.kind === 'auth' ? (error.status ?? 401) : undefined;
    const next = this.#policy.failed(status);
    if (status !== undefined) {
      this.#enter('parked', `it refuses the gateway's credentials (HTTP ${status})`);
      this.#deps.log.error('a server refuses the credentials it is called with', {
        server: this.config.name,
        status,
        fix: `${this.config.source.file}:${this.config.source.line}: correct auth_type and auth_value`,
      });
      return;
    }
    this.#deps.log.warn('a server could not be started', {
      server: this.config.name,
      failures: this.#policy.failures,
      reason,
    });
    this.#startLater(next, reason);
  }

  #startLater({ isParked, inMs }: NextTry, reason: string): void {
    this.#enter(isParked ? 'parked' : 'down', reason);
    clearTimeout(this.#timer);
    if (!this.#disposed) this.#timer = setTimeout(() => void this.start(), inMs).unref();
  }

  #callError(failure: UpstreamFailure): GatewayError {
    if (failure.kind === 'closed' && failure.delivered === 'no') return this.#downError();
    return callError(this.config.name, failure, new Date(this.#since).toISOString());
  }

  #downError(): GatewayError {
    const { authRefusal } = this.#policy;
    if (authRefusal !== undefined) return this.#error('server-auth', { status: authRefusal });
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
    const stillDown = state === 'starting' && this.#policy.isFailing;
    if (this.#state !== state && !stillDown) this.#since = this.#deps.clock.now();
    if (this.#state !== state || this.#reason !== reason)
      this.#history = [
        ...this.#history.slice(1 - HISTORY_MAX),
        { at: this.#deps.clock.now(), state, reason },
      ];
    this.#state = state;
    this.#reason = reason;
    this.#deps.log.debug('server state', { server: this.config.name, state, reason });
  }
}
