import type { Socket } from 'node:net';
import { Pool, type PoolClient } from 'pg';
import type { Secret } from '../../core/secret.ts';
import { errorChain, type Log } from '../../telemetry/log.ts';
import { type FunctionCatalog, loadFunctionCatalog } from './guard/function-catalog.ts';

export interface DatabaseOptions {
  /** A connection URL, or parameters for a Unix socket. */
  readonly connection: { readonly url: Secret } | { readonly host: string; readonly port: number; readonly user: string; readonly database: string };
  readonly allowFunctions: readonly string[];
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  /** Bytes that one statement's answer may have on the wire; beyond it the connection is cut. */
  readonly wireBytesMax: number;
  readonly log: Log;
}

/** What is known of a server after the first connection. */
export interface DatabaseFacts {
  readonly functions: FunctionCatalog;
  /** Type names by OID. */
  readonly types: ReadonlyMap<number, string>;
  readonly version: string;
  readonly user: string;
  /** Reasons why this role has more rights than a reader needs. */
  readonly excessRights: readonly string[];
}

/** The database cannot be reached, or the connection broke. */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable';
}

const POOL_MAX = 5;
const CONNECT_MS = 5_000;
const FACTS_MS = 60_000;
const GRACE_MS = 5_000;

/** A pool of reading sessions. Each use is a transaction of its own that is rolled back, and leaves nothing behind on the session. */
export class Database implements AsyncDisposable {
  readonly options: DatabaseOptions;
  readonly #pool: Pool;
  #facts: { readonly at: number; readonly value: Promise<DatabaseFacts> } | undefined;

  constructor(options: DatabaseOptions) {
    this.options = options;
    const target = 'url' in options.connection ? { connectionString: options.connection.url.reveal() } : options.connection;
    this.#pool = new Pool({
      ...target,
      max: POOL_MAX,
      connectionTimeoutMillis: CONNECT_MS,
      application_name: 'lanport-postgres',
      allowExitOnIdle: true,
      options: '-c default_transaction_read_only=on -c standard_conforming_strings=on -c client_encoding=UTF8 -c idle_in_transaction_session_timeout=60s',
    });
    this.#pool.on('error', (error) => options.log.warn('an idle database connection broke', { reason: errorChain(error) }));
  }

  /** Rejects with DatabaseUnavailable. */
  async facts(): Promise<DatabaseFacts> {
    const known = this.#facts;
    if (known !== undefined && performance.now() - known.at < FACTS_MS) return known.value;
    const value = this.#withClient((client) => readFacts(client, this.options.allowFunctions));
    this.#facts = { at: performance.now(), value };
    value.catch(() => {
      this.#facts = undefined;
    });
    return value;
  }

  /**
   * Runs `work` in a READ ONLY transaction with its limits set; the first query takes the snapshot, after which the transaction cannot
   * be made writable. Rejects with DatabaseUnavailable or with what PostgreSQL says.
   */
  read<T>(signal: AbortSignal, work: (client: PoolClient) => Promise<T>): Promise<T> {
    return this.#transaction('BEGIN TRANSACTION READ ONLY', signal, work, 'ROLLBACK');
  }

  /** Runs `work` in a transaction that is committed. Only for the separate writing tool. */
  write<T>(signal: AbortSignal, work: (client: PoolClient) => Promise<T>): Promise<T> {
    return this.#transaction('BEGIN TRANSACTION READ WRITE', signal, work, 'COMMIT');
  }

  async health(): Promise<{ readonly ok: boolean; readonly detail: string }> {
    try {
      await this.#withClient((client) => client.query('SELECT 1'));
      return { ok: true, detail: 'the database answers' };
    } catch (error) {
      return { ok: false, detail: errorChain(error) };
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#pool.end();
  }

  async #transaction<T>(begin: string, signal: AbortSignal, work: (client: PoolClient) => Promise<T>, end: string): Promise<T> {
    const client = await this.#checkout();
    const { statementTimeoutMs, lockTimeoutMs, wireBytesMax } = this.options;
    const socket = (client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream;
    const startBytes = socket.bytesRead;
    let broken: Error | undefined;
    let fail: (error: Error) => void = () => undefined;
    // A cursor does not hear of a connection that is cut, so whoever waits for it is told here.
    const severed = new Promise<never>((_resolve, reject) => {
      fail = reject;
    });
    severed.catch(() => undefined);
    // Without a listener the error of a cut connection would end the process.
    const onError = (error: Error): void => {
      broken ??= error;
      fail(broken);
    };
    const cut = (reason: string): void => {
      onError(new Error(reason));
      socket.destroy(broken);
    };
    client.on('error', onError);
    const count = (): void => {
      if (socket.bytesRead - startBytes > wireBytesMax) cut(`the answer is larger than ${wireBytesMax} bytes; select fewer or shorter columns`);
    };
    socket.on('data', count);
    const watchdog = setTimeout(() => cut('the statement did not end in time'), statementTimeoutMs + GRACE_MS);
    const cancel = (): void => void this.#cancel(client);
    signal.addEventListener('abort', cancel, { once: true });
    try {
      signal.throwIfAborted();
      await client.query(begin);
      await client.query("SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true)", [String(statementTimeoutMs), String(lockTimeoutMs)]);
      const result = await Promise.race([work(client), severed]);
      await client.query(end);
      return result;
    } catch (error) {
      if (broken !== undefined) throw broken;
      await client.query('ROLLBACK').catch(() => cut('the transaction could not be rolled back'));
      throw error;
    } finally {
      clearTimeout(watchdog);
      signal.removeEventListener('abort', cancel);
      socket.off('data', count);
      // Advisory locks, temporary settings and prepared statements outlive a rollback.
      if (broken === undefined) await client.query('DISCARD ALL').catch(() => cut('the session could not be reset'));
      client.release(broken !== undefined);
      if (broken === undefined) client.off('error', onError);
    }
  }

  async #cancel(client: PoolClient): Promise<void> {
    const { processID } = client as unknown as { readonly processID: number };
    await this.#withClient((other) => other.query('SELECT pg_cancel_backend($1)', [processID])).catch(() => undefined);
  }

  async #withClient<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#checkout();
    try {
      const result = await work(client);
      client.release();
      return result;
    } catch (error) {
      client.release(true);
      throw error;
    }
  }

  async #checkout(): Promise<PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw new DatabaseUnavailable(`the database cannot be reached: ${errorChain(error)}`, { cause: error });
    }
  }
}

async function readFacts(client: PoolClient, allowFunctions: readonly string[]): Promise<DatabaseFacts> {
  const functions = await loadFunctionCatalog(client, allowFunctions);
  const types = await client.query<{ oid: number; name: string }>('SELECT oid::int8::int4 AS oid, pg_catalog.format_type(oid, NULL) AS name FROM pg_catalog.pg_type WHERE oid < 2147483648');
  const role = await client.query<{ version: string; user: string; super: boolean; bypass: boolean; files: boolean; writes: boolean; creates: boolean }>(
    `SELECT current_setting('server_version') AS version, current_user AS user, r.rolsuper AS super, r.rolbypassrls AS bypass,
            pg_has_role(current_user, 'pg_read_server_files', 'MEMBER') OR pg_has_role(current_user, 'pg_write_server_files', 'MEMBER')
              OR pg_has_role(current_user, 'pg_execute_server_program', 'MEMBER') AS files,
            EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
                      AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')) AS writes,
            EXISTS (SELECT FROM pg_namespace n WHERE n.nspname NOT LIKE 'pg\\_%' AND has_schema_privilege(n.oid, 'CREATE')) AS creates
     FROM pg_catalog.pg_roles r WHERE r.rolname = current_user`,
  );
  const row = role.rows[0]!;
  const excess = [
    row.super ? 'it is a superuser' : undefined,
    row.bypass ? 'it bypasses row security' : undefined,
    row.files ? 'it may reach the server\'s files or programs' : undefined,
    row.writes ? 'it may write to tables' : undefined,
    row.creates ? 'it may create objects' : undefined,
  ].filter((reason) => reason !== undefined);
  return { functions, types: new Map(types.rows.map(({ oid, name }) => [oid, name])), version: row.version, user: row.user, excessRights: excess };
}
