import type { PoolClient, QueryResultRow } from 'pg';
import type { Tracer } from '../../core/trace.ts';
import type { ToolContext } from '../../mcp/tool-context.ts';
import type { ConnectorLog } from '../connector-log.ts';
import type { ConnectionTarget } from './connection.ts';
import {
  ConnectionCut,
  DatabaseBusy,
  DatabaseUnavailable,
  describeConnectError,
  RoleRefused,
} from './errors.ts';
import { type FunctionCatalog, loadFunctionCatalog } from './guard/function-catalog.ts';
import type { AllowRule } from './guard/function-rules.ts';
import { loadMask } from './masking.ts';
import { Pools } from './pools.ts';
import { errorTypeOf, startQuerySpan } from './query-span.ts';
import { probeRole, quoteIdentifier, type RoleFacts } from './role.ts';
import { CANCEL, Runaways, STILL_RUNNING } from './runaways.ts';
import type { Safety } from './safety.ts';
import { Session } from './session.ts';

export interface DatabaseOptions {
  readonly connection: ConnectionTarget;
  readonly allowFunctions: readonly AllowRule[];
  /** `enforce`: a role that may do more than read is refused; `warn`: it is reported; `ignore`: it is meant to. */
  readonly rolePolicy: 'enforce' | 'warn' | 'ignore';
  readonly safety: Safety;
  /** Bytes that may arrive for one batch of rows; beyond it the connection is cut. */
  readonly wireBytesMax: number;
  /** Sessions at a time. */
  readonly sessionsMax: number;
  /** How long a call waits for a session: a new connection, or one that becomes free. */
  readonly sessionWaitMs: number;
  readonly log: ConnectorLog;
  readonly tracer: Tracer;
}

/** What is known of the server; read again every minute. */
export interface DatabaseFacts extends RoleFacts {
  readonly functions: FunctionCatalog;
  /** Of the tables and views, where columns are masked: another one means that others may show the same values. */
  readonly shape: string | null;
  /** Type names by OID. */
  readonly types: ReadonlyMap<number, string>;
}

interface TransactionKind {
  readonly access: 'READ ONLY' | 'READ WRITE';
  readonly end: 'COMMIT' | 'ROLLBACK';
  readonly judgedBy: DatabaseFacts | undefined;
}

const FACTS_MS = 60_000;
const CATALOGUE_MS = 30_000;
/** After a statement's own timeout, or a cancellation, the server gets this long to end it before the connection is cut. */
const GRACE_MS = 3_000;
const PROGRESS_MS = 1_000;
/** `server_version_num` that knows transaction_timeout. */
const TRANSACTION_TIMEOUT_SINCE = 170_000;
const CONTROL_BYTES_MAX = 64 * 1024;

const TYPES = `SELECT oid::text AS oid, pg_catalog.format_type(oid, NULL) AS name FROM pg_catalog.pg_type`;

/** Sessions on one database. Each use is a transaction of its own, and leaves nothing behind on its session. */
export class Database implements AsyncDisposable {
  readonly options: DatabaseOptions;
  readonly #pools: Pools;
  readonly #open = new Set<Session>();
  readonly #runaways = new Runaways();
  #facts: { readonly at: number; readonly value: Promise<DatabaseFacts> } | undefined;
  #reportedRole = '';

  /** Opens nothing yet. Throws one sentence when the connection URL is none. */
  constructor(options: DatabaseOptions) {
    this.options = options;
    const { connection, sessionsMax, sessionWaitMs, log } = options;
    this.#pools = new Pools({ connection, sessionsMax, waitMs: sessionWaitMs, log });
  }

  /** Whether there are rules for columns that are masked. */
  get isMasked(): boolean {
    return this.options.safety.maskRules.length > 0;
  }

  /** Rejects with DatabaseUnavailable. */
  facts(): Promise<DatabaseFacts> {
    const known = this.#facts;
    if (known !== undefined && performance.now() - known.at < FACTS_MS) return known.value;
    const facts = { at: performance.now(), value: this.#readFacts() };
    this.#facts = facts;
    facts.value.catch(() => {
      if (this.#facts === facts) this.#facts = undefined;
    });
    return facts.value;
  }

  /**
   * Runs `work` in a READ ONLY transaction that is rolled back whatever happens. Rejects with DatabaseUnavailable, DatabaseBusy,
   * RoleRefused, ConnectionCut, or what PostgreSQL says. `judgedBy`: the facts that a caller's statement in it was judged by; when tables or
   * views have changed since, it rejects with DatabaseBusy.
   */
  read<T>(
    context: ToolContext,
    work: (session: Session) => Promise<T>,
    judgedBy?: DatabaseFacts,
  ): Promise<T> {
    return this.#traced({ access: 'READ ONLY', end: 'ROLLBACK', judgedBy }, context, work);
  }

  /** Runs `work` in a READ WRITE transaction that is committed when it succeeds. Only for the tool that writes. */
  write<T>(
    context: ToolContext,
    work: (session: Session) => Promise<T>,
    judgedBy?: DatabaseFacts,
  ): Promise<T> {
    return this.#traced({ access: 'READ WRITE', end: 'COMMIT', judgedBy }, context, work);
  }

  /** Runs `work` in a READ WRITE transaction that is rolled back whatever happens. */
  tryOut<T>(
    context: ToolContext,
    work: (session: Session) => Promise<T>,
    judgedBy?: DatabaseFacts,
  ): Promise<T> {
    return this.#traced({ access: 'READ WRITE', end: 'ROLLBACK', judgedBy }, context, work);
  }

  /** One round trip. Never rejects. */
  async health(): Promise<{ readonly ok: boolean; readonly detail: string }> {
    try {
      await this.#ask('SELECT 1', []);
      return { ok: true, detail: 'the database answers' };
    } catch (error) {
      const unavailable = error instanceof DatabaseUnavailable || error instanceof ConnectionCut;
      return { ok: false, detail: unavailable ? error.message : describeConnectError(error) };
    }
  }

  /** Cuts what is under way and ends every session. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#open) session.cut('the connector was closed');
    await this.#pools[Symbol.asyncDispose]();
  }

  async #traced<T>(
    kind: TransactionKind,
    context: ToolContext,
    work: (session: Session) => Promise<T>,
  ): Promise<T> {
    const { tracer, connection } = this.options;
    const span = startQuerySpan(tracer, connection, kind.access, context.trace);
    const stopTelling = tellProgress(context);
    let failure: unknown;
    try {
      return await this.#transaction(kind, context.signal, work);
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      stopTelling();
      span.end(failure === undefined ? undefined : errorTypeOf(failure));
    }
  }

  async #transaction<T>(
    { access, end, judgedBy }: TransactionKind,
    signal: AbortSignal,
    work: (session: Session) => Promise<T>,
  ): Promise<T> {
    const facts = judgedBy ?? (await this.facts());
    this.#checkRole(facts);
    signal.throwIfAborted();
    const { safety, wireBytesMax } = this.options;
    await this.#checkRunaways();
    const session = this.#hold(await this.#pools.checkout('work'), wireBytesMax);
    session.mask = facts.functions.mask;
    const { client } = session;
    const watchdog = setTimeout(
      () => this.#giveUp(session, 'the statement did not end in time'),
      safety.statementTimeoutMs + GRACE_MS,
    );
    let deadline: NodeJS.Timeout | undefined;
    const cancel = (): void => {
      deadline ??= setTimeout(() => this.#giveUp(session, 'the call was cancelled'), GRACE_MS);
      void this.#cancel(session);
    };
    signal.addEventListener('abort', cancel, { once: true });
    try {
      await client.query(`BEGIN TRANSACTION ${access}`);
      // Takes the snapshot, too: after it, the transaction cannot be made writable any more.
      const { rows } = await client.query<Begun>(prologue(facts, this.options));
      session.transaction = rows[0] && { processId: rows[0].pid, began: rows[0].began };
      if (rows[0]?.shape !== facts.shape) {
        this.#facts = undefined;
        throw new DatabaseBusy('tables or views have changed since this connector looked; call again');
      }
      signal.throwIfAborted();
      const result = await Promise.race([work(session), session.gone]);
      await client.query(end);
      return result;
    } catch (error) {
      if (session.broken !== undefined) throw session.broken;
      await client.query('ROLLBACK').catch(() => session.cut('the transaction could not be rolled back'));
      throw error;
    } finally {
      clearTimeout(watchdog);
      clearTimeout(deadline);
      signal.removeEventListener('abort', cancel);
      // The caller need not wait for it.
      void this.#reset(session);
    }
  }

  /** Takes off a session what outlives a rollback (advisory locks, settings, prepared statements, cursors), then gives it back. Never rejects. */
  async #reset(session: Session): Promise<void> {
    if (session.broken === undefined) {
      const timer = setTimeout(() => session.cut('it could not be reset'), GRACE_MS);
      await session.client.query('DISCARD ALL').catch(() => session.cut('it could not be reset'));
      clearTimeout(timer);
    }
    this.#release(session);
  }

  async #readFacts(): Promise<DatabaseFacts> {
    const client = await this.#pools.checkout('work');
    const session = this.#hold(client, Number.POSITIVE_INFINITY);
    const watchdog = setTimeout(() => session.cut('reading the catalogue took too long'), CATALOGUE_MS);
    try {
      await client.query('BEGIN TRANSACTION READ ONLY');
      const role = await probeRole(client, this.options.safety.searchPath);
      // Before the mask: what changes while the rest is read makes another shape than the one that is kept.
      const shape = await client.query<{ shape: string | null }>(`SELECT ${shapeOf(this.options)} AS shape`);
      const mask = await loadMask(client, this.options.safety.maskRules);
      const functions = await loadFunctionCatalog(client, role, this.options.allowFunctions, mask);
      const types = await client.query<{ oid: string; name: string }>(TYPES);
      await client.query('ROLLBACK');
      this.#reportRole(role);
      return {
        ...role,
        functions,
        shape: shape.rows[0]?.shape ?? null,
        types: new Map(types.rows.map(({ oid, name }) => [Number(oid), name])),
      };
    } catch (error) {
      session.cut('the catalogue could not be read');
      throw new DatabaseUnavailable(
        `the database's catalogue could not be read: ${describeConnectError(error)}`,
        { cause: error },
      );
    } finally {
      clearTimeout(watchdog);
      this.#release(session);
    }
  }

  #reportRole(role: RoleFacts): void {
    const { user, excessRights } = role;
    const state = `${user} ${excessRights.join()}`;
    if (this.options.rolePolicy === 'ignore' || excessRights.length === 0 || state === this.#reportedRole)
      return;
    this.#reportedRole = state;
    this.options.log.warn('the database role may do more than read', { role: user, reasons: excessRights });
  }

  #checkRole({ user, excessRights }: RoleFacts): void {
    if (this.options.rolePolicy !== 'enforce' || excessRights.length === 0) return;
    throw new RoleRefused(
      `the role ${user} may do more than read (${excessRights.join('; ')}), and this connector is set to refuse such a role`,
    );
  }

  /** Cuts a session whose statement neither ends in time nor on request. */
  #giveUp(session: Session, reason: string): void {
    if (session.transaction !== undefined) this.#runaways.add(session.transaction);
    session.cut(reason);
  }

  async #checkRunaways(): Promise<void> {
    const refusal = await this.#runaways.refusal(async (transactions) => {
      const values = [transactions.map((one) => one.processId), transactions.map((one) => one.began)];
      return (await this.#ask<{ pid: number }>(STILL_RUNNING, values)).map(({ pid }) => pid);
    });
    if (refusal !== undefined) throw new DatabaseBusy(refusal);
  }

  async #cancel({ transaction }: Session): Promise<void> {
    // Before the transaction has begun there is nothing to cancel.
    if (transaction === undefined) return;
    // When it fails, the deadline cuts the connection.
    await this.#ask(CANCEL, [transaction.processId, transaction.began]).catch(() => undefined);
  }

  /** One question on a control session. Rejects with DatabaseUnavailable, ConnectionCut, or what PostgreSQL says. */
  async #ask<T extends QueryResultRow>(text: string, values: readonly unknown[]): Promise<readonly T[]> {
    const session = this.#hold(await this.#pools.checkout('control'), CONTROL_BYTES_MAX);
    const timer = setTimeout(() => session.cut('the database does not answer'), this.options.sessionWaitMs);
    try {
      return (await Promise.race([session.client.query<T>(text, [...values]), session.gone])).rows;
    } finally {
      clearTimeout(timer);
      this.#release(session);
    }
  }

  #hold(client: PoolClient, wireBytesMax: number): Session {
    const session = new Session(client, wireBytesMax);
    this.#open.add(session);
    return session;
  }

  #release(session: Session): void {
    this.#open.delete(session);
    session.release();
  }
}

/** Says every second how long the database has been working on a call, when the caller wants to know. The function ends it. */
function tellProgress({ progress }: ToolContext): () => void {
  if (progress === undefined) return () => undefined;
  let seconds = 0;
  const timer = setInterval(() => {
    seconds++;
    progress(seconds, `the database has been working for ${seconds} s`);
  }, PROGRESS_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** What the statement that begins a transaction tells. */
interface Begun {
  readonly pid: number;
  readonly began: string;
  readonly shape: string | null;
}

/** Changes with each table, column and view that comes, goes or is replaced. Rows and statistics do not matter to it. */
const SHAPE = `(
  SELECT pg_catalog.concat_ws(' ', pg_catalog.count(*), pg_catalog.sum(c.oid::int8), pg_catalog.sum(c.relnatts),
    (SELECT pg_catalog.sum(r.xmin::text::int8) FROM pg_catalog.pg_rewrite AS r WHERE r.oid >= 16384))
  FROM pg_catalog.pg_class AS c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't' AND c.oid >= 16384)`;

function shapeOf({ safety }: DatabaseOptions): string {
  return safety.maskRules.length > 0 ? SHAPE : 'NULL::text';
}

/** The settings of one transaction, in one statement. */
function prologue(
  facts: RoleFacts,
  options: DatabaseOptions,
): { readonly text: string; readonly values: string[] } {
  const { safety } = options;
  const statementMs = stricter(safety.statementTimeoutMs, facts.statementTimeoutMs);
  const settings: [string, string][] = [
    ['statement_timeout', String(statementMs)],
    ['lock_timeout', String(stricter(safety.lockTimeoutMs, facts.lockTimeoutMs))],
    ['idle_in_transaction_session_timeout', String(safety.idleTimeoutMs)],
    ['standard_conforming_strings', 'on'],
    // pg_catalog, not named, comes first; temporary objects last, so that none can stand in front of a real one.
    ['search_path', [...facts.searchPath, 'pg_temp'].map(quoteIdentifier).join(', ')],
  ];
  if (facts.versionNumber >= TRANSACTION_TIMEOUT_SINCE)
    settings.push(['transaction_timeout', String(statementMs + GRACE_MS)]);
  if (facts.superuser) settings.push(['temp_file_limit', '262144']);
  const calls = settings.map((_setting, at) => `pg_catalog.set_config($${at * 2 + 1}, $${at * 2 + 2}, true)`);
  // Behind a pooler the process is known only now, and only for this transaction.
  return {
    text: `SELECT ${calls.join(', ')}, pg_catalog.pg_backend_pid() AS pid, EXTRACT(epoch FROM pg_catalog.now())::text AS began, ${shapeOf(options)} AS shape`,
    values: settings.flat(),
  };
}

/** A limit that the operator put on the role stays when it is stricter; 0 is none. */
function stricter(ours: number, roles: number): number {
  return roles > 0 ? Math.min(ours, roles) : ours;
}
