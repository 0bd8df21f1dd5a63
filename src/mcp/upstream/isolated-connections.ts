import { withDeadline } from '../../core/scope.ts';
import type { Caller } from '../mcp-caller.ts';
import type { JsonObject } from '../../core/json-scan.ts';
import type { CallTarget } from '../calls/target.ts';
import { mayRepeat } from './call-error.ts';
import { type CallOptions, Connection, type ConnectionHooks, type ServerReply } from './connection.ts';
import { UpstreamFailure } from './failure.ts';

/** Connections of their own that one server may have at a time. */
export const ISOLATED_MAX = 64;
const IDLE_MS = 5 * 60_000;
const CLOSE_MS = 8_000;

interface Entry {
  readonly key: string;
  readonly starting: Promise<Connection>;
  readonly stop: AbortController;
  connection: Connection | undefined;
  users: number;
  lastUsedMs: number;
}

export interface IsolatedDeps {
  readonly by: 'session' | 'key';
  readonly idleMs: number | undefined;
  readonly now: () => number;
  readonly hooks: ConnectionHooks;
  /** Reaches the server for a client with these capabilities (JSON text). Rejects with UpstreamFailure; then nothing is open. */
  readonly connect: (connection: Connection, capabilities: string) => Promise<void>;
  readonly max?: number;
}

/** The lease of a connection; it is in use until `release`. */
interface Lease {
  readonly connection: Connection;
  release(): void;
}

/**
 * Connections to a server that cannot be shared: one for each client session, or for each key. A client without sessions (2026-07-28) has a
 * connection to itself for each call under way, since nothing else would tell whose question a question is. Those unused are ended.
 */
export class IsolatedConnections implements AsyncDisposable {
  readonly #deps: IsolatedDeps;
  readonly #entries = new Set<Entry>();
  readonly #closing = new Set<Promise<unknown>>();

  constructor(deps: IsolatedDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#entries.size;
  }

  get pids(): readonly number[] {
    return [...this.#entries]
      .map((entry) => entry.connection?.peer.transport.pid)
      .filter((pid) => pid !== undefined);
  }

  /**
   * Sends a call over a connection of the caller's own, once more over a new one where that does no harm. `undefined` when there are too many
   * connections. Rejects with UpstreamFailure.
   */
  async call(
    target: CallTarget,
    params: JsonObject | undefined,
    caller: Caller,
    options: CallOptions,
  ): Promise<ServerReply | undefined> {
    for (let attempt = 1; ; attempt++) {
      let lease: Lease | undefined;
      try {
        lease = await this.#lease(caller);
        if (lease === undefined) return undefined;
        const { connection } = lease;
        return { reply: await connection.call(target, params, caller, options), era: connection.peer.era };
      } catch (error) {
        if (!(error instanceof UpstreamFailure) || !mayRepeat(error, target)) throw error;
        if (lease !== undefined) this.lost(lease.connection);
        if (attempt > 1) throw error;
      } finally {
        lease?.release();
      }
    }
  }

  /** A connection for this caller. `undefined` when there are too many and none is idle. Rejects with UpstreamFailure. */
  async #lease(caller: Caller): Promise<Lease | undefined> {
    const owner = this.#deps.by === 'key' ? caller.principalId : caller.conversationId;
    const key = `${owner} ${caller.capabilities.text}`;
    const alone = this.#deps.by === 'session' && caller.era === 'modern';
    let entry: Entry | undefined;
    for (const one of this.#entries)
      if (one.key === key && (!alone || one.users === 0)) {
        entry = one;
        break;
      }
    if (entry === undefined) {
      if (this.#entries.size >= (this.#deps.max ?? ISOLATED_MAX) && !this.#endIdlest()) return undefined;
      entry = this.#open(key, caller.capabilities.text);
    }
    const leased = entry;
    leased.users++;
    try {
      const connection = leased.connection ?? (await leased.starting);
      return {
        connection,
        release: () => {
          leased.users--;
          leased.lastUsedMs = this.#deps.now();
        },
      };
    } catch (error) {
      leased.users--;
      throw error;
    }
  }

  /** Ends what was not used for long, and calls whose deadlines have passed. */
  check(nowMs: number): void {
    for (const entry of [...this.#entries]) {
      entry.connection?.check(nowMs);
      if (entry.users === 0 && nowMs - entry.lastUsedMs > (this.#deps.idleMs ?? IDLE_MS)) this.#end(entry);
    }
  }

  /** Forgets a connection that is gone. */
  lost(connection: Connection): boolean {
    for (const entry of this.#entries)
      if (entry.connection === connection) {
        this.#end(entry);
        return true;
      }
    return false;
  }

  /** The connections of one client. */
  of(conversationId: string): Connection[] {
    return [...this.#entries]
      .filter((entry) => entry.key.startsWith(`${conversationId} `))
      .map((entry) => entry.connection)
      .filter((one) => one !== undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const entry of [...this.#entries]) this.#end(entry);
    await Promise.allSettled([...this.#closing]);
  }

  #open(key: string, capabilities: string): Entry {
    const stop = new AbortController();
    const connection = new Connection(this.#deps.hooks, stop.signal, this.#deps.now);
    const starting = this.#deps.connect(connection, capabilities).then(
      () => {
        entry.connection = connection;
        return connection;
      },
      (error: unknown) => {
        this.#entries.delete(entry);
        throw error;
      },
    );
    starting.catch(() => undefined);
    const entry: Entry = {
      key,
      starting,
      stop,
      connection: undefined,
      users: 0,
      lastUsedMs: this.#deps.now(),
    };
    this.#entries.add(entry);
    return entry;
  }

  #endIdlest(): boolean {
    let idlest: Entry | undefined;
    for (const entry of this.#entries)
      if (entry.users === 0 && (idlest === undefined || entry.lastUsedMs < idlest.lastUsedMs)) idlest = entry;
    if (idlest !== undefined) this.#end(idlest);
    return idlest !== undefined;
  }

  #end(entry: Entry): void {
    this.#entries.delete(entry);
    const closing = withDeadline(this.#close(entry), CLOSE_MS, 'closing')
      .catch(() => undefined)
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  async #close(entry: Entry): Promise<void> {
    entry.stop.abort();
    await entry.connection?.[Symbol.asyncDispose]();
    await entry.starting.catch(() => undefined);
  }
}
