import type { Clock } from '../../core/clock.ts';
import { type ErrorCode, type Facts, GatewayError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json-scan.ts';
import { withDeadline } from '../../core/scope.ts';
import { errorChain, type Log } from '../../telemetry/log.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { ToolEntry } from '../catalog/tool-entry.ts';
import type { ServerConfig } from '../mcp-ports.ts';
import type { RpcReply } from '../wire/message.ts';
import { type ConnectDeps, type Connected, connectServer } from './connect.ts';
import { UpstreamFailure } from './failure.ts';
import type { Finding } from './finding.ts';
import { type CallOptions, callTool, listTools } from './peer.ts';
import type { ServerStatus, StateName } from './server-state.ts';

const BACKOFF_MS = [1_000, 2_000, 4_000, 8_000, 16_000] as const;
const PARKED_RETRY_MS = 60_000;
const STABLE_MS = 5 * 60_000;
/** How long a call waits for a server that has failed before to come back. */
const COMEBACK_MS = 5_000;
/** A call does not wake a server whose last start failed less than this long ago. */
const WAKE_MS = 1_000;
const AUTH_RETRY_MS = 60_000;
const CLOSE_MS = 8_000;
const FINDINGS_MAX = 50;

export interface SupervisorDeps extends ConnectDeps {
  readonly catalog: Catalog;
  readonly log: Log;
  readonly clock: Clock;
  /** A number from 0 to 1, for jitter. */
  readonly random: () => number;
}

/**
 * One server's life: started, watched, started again with backoff, parked when it keeps failing or refuses our credentials, stopped.
 * One connection serves all calls. A call may wake a server that is down.
 */
export class Supervisor implements AsyncDisposable {
  readonly config: ServerConfig;
  readonly #deps: SupervisorDeps;
  readonly #findings = new Map<string, Finding>();
  #state: StateName = 'stopped';
  #since: number;
  #reason: string | undefined;
  #connected: Connected | undefined;
  #starting: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #starts = 0;
  #readySince = 0;
  #inFlight = 0;
  #authRefusal: number | undefined;
  #failedStarts = 0;
  #lastFailedStart = Number.NEGATIVE_INFINITY;
  #disposed = false;
  readonly #stop = new AbortController();
  readonly #closing = new Set<Promise<unknown>>();
  #refreshing: Promise<void> | undefined;
  #refreshAgain = false;

  constructor(config: ServerConfig, deps: SupervisorDeps) {
    this.config = config;
    this.#deps = deps;
    this.#since = deps.clock.now();
  }

  /** Starts the server, or waits for the start that is under way. Never rejects: the outcome is the state. */
  start(): Promise<void> {
    if (this.#connected !== undefined || this.#disposed) return Promise.resolve();
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

  /** Sends one call; waits for a start under way, wakes a server that is down, heals a lost session once. Rejects with GatewayError. */
  async call(tool: ToolEntry, params: JsonObject | undefined, options: CallOptions): Promise<RpcReply> {
    if (this.#inFlight >= this.config.concurrency)
      throw this.#error('server-busy', { max: this.config.concurrency });
    this.#inFlight++;
    try {
      let connected = this.#connected ?? (await this.#usable(options.signal));
      for (let attempt = 1; ; attempt++) {
        try {
          return await callTool(connected.peer, tool, params, options);
        } catch (error) {
          if (!(error instanceof UpstreamFailure)) throw error;
          if (attempt > 1 || !this.#mayRepeat(error, tool)) throw this.#callError(error, options.timeoutMs);
          this.#lose(connected, error);
          connected = await this.#usable(options.signal);
        }
      }
    } finally {
      this.#inFlight--;
    }
  }

  status(): ServerStatus {
    const { config } = this;
    const known = this.#deps.catalog.get(config.name);
    const transport = this.#connected?.peer.transport;
    const stderr = transport?.stderrTail() ?? '';
    return {
      name: config.name,
      alias: config.alias,
      state: this.#state,
      since: this.#since,
      reason: this.#reason,
      declaredTransport: config.transport,
      transport: (this.#connected?.found ?? known?.found)?.transport,
      url: (this.#connected?.found ?? known?.found)?.url ?? config.url,
      revision: (this.#connected?.found ?? known?.found)?.revision,
      pid: transport?.pid,
      tools: known?.tools.length ?? 0,
      toolsReadAt: known?.updatedAt,
      inFlight: this.#inFlight,
      starts: this.#starts,
      failures: this.#failures,
      findings: [...this.#findings.values()],
      stderr,
      stderrLines: stderr === '' ? 0 : stderr.split('\n').length,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    clearTimeout(this.#timer);
    const connected = this.#connected;
    this.#connected = undefined;
    this.#enter('stopped', 'the gateway is stopping');
    this.#stop.abort();
    await Promise.allSettled([
      connected?.peer.transport[Symbol.asyncDispose](),
      this.#starting,
      ...this.#closing,
    ]);
  }

  /** The connection, started or waited for. Rejects with GatewayError. */
  async #usable(signal: AbortSignal | undefined): Promise<Connected> {
    if (this.#disposed) throw new GatewayError('shutting-down');
    const sinceFailure = this.#deps.clock.monotonicMs() - this.#lastFailedStart;
    const rest = this.#authRefusal === undefined ? WAKE_MS : AUTH_RETRY_MS;
    if (this.#starting === undefined && this.#connected === undefined && sinceFailure < rest)
      throw this.#downError();
    const patience = this.#failedStarts === 0 ? this.config.startTimeoutMs : COMEBACK_MS;
    const waiting = withDeadline(this.start(), patience, `starting ${this.config.name}`).catch(
      () => undefined,
    );
    await (signal === undefined ? waiting : Promise.race([waiting, aborted(signal)]));
    if (signal?.aborted === true) throw new GatewayError('client-gone');
    if (this.#connected === undefined) throw this.#downError();
    return this.#connected;
  }

  async #attempt(): Promise<void> {
    this.#starts++;
    this.#enter('starting', this.#reason);
    const remembered = this.#deps.catalog.get(this.config.name)?.found;
    let mine: Connected | undefined;
    try {
      mine = await connectServer(
        this.config,
        remembered,
        {
          signal: this.#stop.signal,
          onNotification: (notification) => {
            if (notification.method === 'notifications/tools/list_changed' && this.#connected === mine)
              this.#refreshLater();
          },
          onClosed: (reason) => {
            if (mine !== undefined) this.#lose(mine, new UpstreamFailure('closed', reason));
          },
          onOddity: (text) =>
            this.#find({
              code: 'stdout-noise',
              text: `Server "${this.config.name}" writes text that is no message where messages belong: ${JSON.stringify(text)}`,
              fix: undefined,
            }),
        },
        this.#deps,
      );
      if (mine.finding !== undefined) this.#find(mine.finding);
      await this.#read(mine);
      if (this.#disposed) throw new UpstreamFailure('cancelled', 'the gateway is stopping');
      this.#connected = mine;
      this.#authRefusal = undefined;
      this.#failedStarts = 0;
      this.#readySince = this.#deps.clock.monotonicMs();
      this.#enter('ready', undefined);
    } catch (error) {
      await mine?.peer.transport[Symbol.asyncDispose]();
      if (!this.#disposed) this.#failed(error);
    }
  }

  /** Reads the tools of a fresh connection into the catalogue. */
  async #read(connected: Connected): Promise<void> {
    const tools = await listTools(connected.peer, this.config.startTimeoutMs);
    const { serverInfo, instructions } = connected.peer;
    for (const reason of this.#deps.catalog.replace(this.config, {
      found: connected.found,
      serverInfo,
      instructions,
      tools,
    })) {
      this.#find({
        code: 'tool-refused',
        text: `Server "${this.config.name}" lists ${reason}.`,
        fix: undefined,
      });
    }
  }

  /** Reads the tools again after the server said that they changed; one reading at a time, and one more when it said so meanwhile. */
  #refreshLater(): void {
    if (this.#refreshing !== undefined) {
      this.#refreshAgain = true;
      return;
    }
    const connected = this.#connected;
    if (connected === undefined) return;
    this.#refreshing = this.#read(connected)
      .catch((error: unknown) =>
        this.#deps.log.warn('the tool list could not be read again', { server: this.config.name, error }),
      )
      .finally(() => {
        this.#refreshing = undefined;
        if (this.#refreshAgain) {
          this.#refreshAgain = false;
          this.#refreshLater();
        }
      });
  }

  /** Gives a connection up and starts anew, at once or later; concurrent callers share the one new start. */
  #lose(connected: Connected, failure: UpstreamFailure): void {
    if (this.#connected !== connected) return;
    this.#connected = undefined;
    this.#closeLater(connected);
    if (this.#deps.clock.monotonicMs() - this.#readySince > STABLE_MS) this.#failures = 0;
    if (failure.kind === 'session-lost') {
      void this.start();
      return;
    }
    this.#failures++;
    this.#deps.log.warn('a server went away', { server: this.config.name, reason: failure.message });
    this.#enter('down', failure.message);
    this.#schedule(this.#backoff());
  }

  #closeLater(connected: Connected): void {
    const closing = withDeadline(
      Promise.resolve(connected.peer.transport[Symbol.asyncDispose]()),
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
    this.#lastFailedStart = this.#deps.clock.monotonicMs();
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

  #mayRepeat(failure: UpstreamFailure, tool: ToolEntry): boolean {
    if (failure.kind === 'session-lost' || failure.delivered === 'no') return failure.kind !== 'cancelled';
    return failure.kind === 'closed' && tool.repeatable;
  }

  #callError(failure: UpstreamFailure, timeoutMs: number): GatewayError {
    const options = { cause: failure, operatorText: failure.message };
    switch (failure.kind) {
      case 'timeout':
        return this.#error('call-timeout', { seconds: timeoutMs / 1_000 }, options);
      case 'cancelled':
        return new GatewayError('client-gone', {}, options);
      case 'auth':
        return this.#error('server-auth', { status: failure.status ?? 401 }, options);
      case 'too-large':
        return this.#error('response-too-large', { max: failure.message }, options);
      case 'protocol':
        return this.#error('server-protocol', { reason: failure.message }, options);
      case 'closed':
        return failure.delivered === 'no'
          ? this.#downError()
          : this.#error('call-lost', { reason: failure.message }, options);
      case 'status':
        return this.#error('server-protocol', { reason: failure.message }, options);
      case 'connect':
      case 'spawn':
      case 'session-lost':
        return this.#error(
          'server-down',
          { state: 'unreachable', since: new Date(this.#since).toISOString(), reason: `${failure.message}.` },
          options,
        );
    }
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

  #find(finding: Finding): void {
    const key = `${finding.code} ${finding.text}`;
    if (this.#findings.has(key) || this.#findings.size >= FINDINGS_MAX) return;
    this.#findings.set(key, finding);
    this.#deps.log.warn('a server needs attention', {
      server: this.config.name,
      code: finding.code,
      finding: finding.text,
      fix: finding.fix,
    });
  }

  #enter(state: StateName, reason: string | undefined): void {
    const stillDown = state === 'starting' && this.#failedStarts > 0;
    if (this.#state !== state && !stillDown) this.#since = this.#deps.clock.now();
    this.#state = state;
    this.#reason = reason;
    this.#deps.log.debug('server state', { server: this.config.name, state, reason });
  }
}

function sentence(reason: string): string {
  const bounded = reason.slice(0, 500);
  return /[.!?]$/.test(bounded) ? bounded : `${bounded}.`;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
