import { withDeadline } from '../../core/scope.ts';
import type { Caller } from '../mcp-caller.ts';
import type { JsonObject } from '../../core/json-scan.ts';
import type { CallTarget } from '../calls/target.ts';
import { mayRepeat } from './call-error.ts';
import { type CallOptions, Connection, type ConnectionHooks, type ServerReply } from './connection.ts';
import { UpstreamFailure } from './failure.ts';
import { LeavingConnections } from './leaving-connections.ts';

/** Connections of their own that one server may have at a time. */
const ISOLATED_MAX = 64;
/** The part of them that one principal may have. */
const SHARE = 0.75;
const IDLE_MS = 5 * 60_000;
const CLOSE_MS = 8_000;

interface Entry {
  readonly owner: string;
  readonly principalId: string;
  /** JSON text. */
  readonly capabilities: string;
  readonly starting: Promise<Connection>;
  readonly stop: AbortController;
  connection: Connection | undefined;
  users: number;
  lastUsedMs: number;
  /** A call over it timed out, and it was asked whether it is alive. */
  isSuspected: boolean;
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
  readonly #leaving = new LeavingConnections(() => undefined);

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
        if (!(error instanceof UpstreamFailure)) throw error;
        if (error.kind === 'timeout' && lease !== undefined) void this.#suspect(lease.connection);
        if (!mayRepeat(error, target)) throw error;
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
    const capabilities = caller.capabilities.text;
    const alone = this.#deps.by === 'session' && caller.era === 'modern';
    let entry: Entry | undefined;
    for (const one of this.#entries)
      if (one.owner === owner && one.capabilities === capabilities && (!alone || one.users === 0)) {
        entry = one;
        break;
      }
    if (entry === undefined) {
      if (!this.#makeRoom(caller.principalId)) return undefined;
      entry = this.#open(owner, caller.principalId, capabilities);
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
    this.#leaving.check(nowMs);
    for (const entry of [...this.#entries]) {
      entry.connection?.check(nowMs);
      if (entry.users === 0 && nowMs - entry.lastUsedMs > (this.#deps.idleMs ?? IDLE_MS))
        this.#end(entry, 'at once');
    }
  }

  /** Forgets a connection that is gone; what is still answered over it is let through. */
  lost(connection: Connection): boolean {
    const entry = this.#entryOf(connection);
    if (entry !== undefined) this.#end(entry, 'idle');
    return entry !== undefined;
  }

  /** The connections of one client. */
  of(conversationId: string): Connection[] {
    return [...this.#entries]
      .filter((entry) => entry.owner === conversationId)
      .map((entry) => entry.connection)
      .filter((one) => one !== undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opening = [...this.#entries].map(({ starting }) => starting);
    for (const entry of [...this.#entries]) this.#end(entry, 'at once');
    await Promise.allSettled([
      this.#leaving.end(),
      withDeadline(Promise.allSettled(opening), CLOSE_MS, 'closing'),
    ]);
  }

  #open(owner: string, principalId: string, capabilities: string): Entry {
    const stop = new AbortController();
    const connection = new Connection(this.#deps.hooks, stop.signal, this.#deps.now);
    const starting = this.#deps.connect(connection, capabilities).then(
      async () => {
        if (stop.signal.aborted) {
          await connection[Symbol.asyncDispose]();
          throw new UpstreamFailure('stopped', 'it was stopped', { delivered: 'no' });
        }
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
      owner,
      principalId,
      capabilities,
      starting,
      stop,
      connection: undefined,
      users: 0,
      lastUsedMs: this.#deps.now(),
      isSuspected: false,
    };
    this.#entries.add(entry);
    return entry;
  }

  #entryOf(connection: Connection): Entry | undefined {
    for (const entry of this.#entries) if (entry.connection === connection) return entry;
    return undefined;
  }

  /** A call was not answered in time: one that does not even answer a ping is ended. */
  async #suspect(connection: Connection): Promise<void> {
    const entry = this.#entryOf(connection);
    if (entry === undefined || entry.isSuspected) return;
    entry.isSuspected = true;
    if (await connection.isAlive()) entry.isSuspected = false;
    else if (this.#entries.has(entry)) this.#end(entry, 'at once');
  }

  /** Whether this principal may open another connection, now that one that is idle was ended where that was needed: its own beyond its share. */
  #makeRoom(principalId: string): boolean {
    const max = this.#deps.max ?? ISOLATED_MAX;
    const own = [...this.#entries].filter((entry) => entry.principalId === principalId);
    if (own.length >= Math.ceil(max * SHARE)) return this.#endIdlest(own);
    return this.#entries.size < max || this.#endIdlest(this.#entries);
  }

  #endIdlest(entries: Iterable<Entry>): boolean {
    let idlest: Entry | undefined;
    for (const entry of entries)
      if (entry.users === 0 && (idlest === undefined || entry.lastUsedMs < idlest.lastUsedMs)) idlest = entry;
    if (idlest !== undefined) this.#end(idlest, 'at once');
    return idlest !== undefined;
  }

  #end(entry: Entry, when: 'idle' | 'at once'): void {
    this.#entries.delete(entry);
    if (entry.connection === undefined) entry.stop.abort();
    else this.#leaving.add(entry.connection, when);
  }
}
