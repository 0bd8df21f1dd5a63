import { passingTracer } from '../../src/core/trace.ts';
import { Database, type DatabaseOptions } from '../../src/connectors/postgres/database.ts';
import { ConnectionCut } from '../../src/connectors/postgres/errors.ts';
import { catalogueProblem, textProblem } from '../../src/connectors/postgres/guard/guard.ts';
import { SqlParser } from '../../src/connectors/postgres/guard/sql-parser.ts';
import { readRows } from '../../src/connectors/postgres/rows.ts';
import { type Safety, safetyOf } from '../../src/connectors/postgres/safety.ts';
import type { Layer } from '../corpus/corpus-class.ts';
import type { DatabaseTarget } from './connector-database.ts';

/** What became of a statement: which layer ended it, or `ran` with what came back. */
export interface Outcome {
  readonly by: 'text' | 'grammar' | 'catalogue' | 'server' | 'bounds' | 'ran';
  /** The reason, or the rows as text. */
  readonly said: string;
}

const CAPS = { rowsMax: 200, bytesMax: 1024 * 1024, cellCharactersMax: 4_096 };
const NO_CAPS = { rowsMax: 1e9, bytesMax: 1e12, cellCharactersMax: 1e9 };
const TIMEOUT_MS = 2_000;
/** What setTimeout can hold, less the grace that is added to it. */
const NO_TIMEOUT_MS = 2_000_000_000;
const SIGNAL = new AbortController().signal;

/**
 * The way of execute_sql, put together from its parts so that one layer can be left out: the connector itself has no switch for that.
 * Without the grammar nothing knows which functions a statement calls, so the catalogue is left out with it.
 */
export class LayeredReader implements AsyncDisposable {
  readonly #parser = new SqlParser();
  readonly #databases: Readonly<Record<'reader' | 'superuser' | 'unhurried' | 'uncapped', Database>>;

  constructor(reader: DatabaseTarget, superuser: DatabaseTarget) {
    this.#databases = {
      reader: open(reader),
      superuser: open(superuser),
      unhurried: open(reader, { safety: limits(NO_TIMEOUT_MS) }),
      uncapped: open(reader, { wireBytesMax: Number.POSITIVE_INFINITY, safety: limits(60_000) }),
    };
  }

  async run(sql: string, without?: Layer): Promise<Outcome> {
    const database = this.#database(without);
    const facts = await database.facts();
    if (without !== 'text') {
      const problem = textProblem(sql);
      if (problem !== undefined) return { by: 'text', said: problem };
    }
    if (without !== 'grammar') {
      const parsed = await this.#parser.parse(sql, 'read');
      if (!parsed.ok) return { by: 'grammar', said: parsed.reason };
      const problem =
        without === 'catalogue' ? undefined : catalogueProblem(parsed.facts, 'read', facts.functions);
      if (problem !== undefined) return { by: 'catalogue', said: problem };
    }
    const context = { signal: SIGNAL, trace: undefined } as never;
    try {
      if (without === 'transaction') {
        // Read-write, committed, and on the protocol that carries several statements.
        const rows = await database.write(context, (session) => session.client.query(sql));
        return { by: 'ran', said: JSON.stringify(rows) };
      }
      const rows = await database.read(context, (session) =>
        readRows(session, sql, without === 'caps' ? NO_CAPS : CAPS, facts.types),
      );
      return { by: 'ran', said: JSON.stringify(rows.rows) };
    } catch (error) {
      const { code, message } = error as { readonly code?: string; readonly message: string };
      const bounded = error instanceof ConnectionCut || code === '57014' || code === '25P04';
      return { by: bounded ? 'bounds' : 'server', said: `${code ?? ''} ${message}` };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      [this.#parser, ...Object.values(this.#databases)].map((one) => one[Symbol.asyncDispose]()),
    );
  }

  #database(without: Layer | undefined): Database {
    if (without === 'role') return this.#databases.superuser;
    if (without === 'timeouts') return this.#databases.unhurried;
    return without === 'caps' ? this.#databases.uncapped : this.#databases.reader;
  }
}

const limits = (milliseconds: number): Safety =>
  safetyOf({ statementTimeoutMs: milliseconds, lockTimeoutMs: milliseconds });

function open(connection: DatabaseTarget, options: Partial<DatabaseOptions> = {}): Database {
  return new Database({
    connection,
    allowFunctions: [],
    rolePolicy: 'warn',
    safety: limits(TIMEOUT_MS),
    wireBytesMax: 8 * 1024 * 1024,
    sessionsMax: 2,
    sessionWaitMs: 20_000,
    log: { info() {}, warn() {}, error() {} },
    tracer: passingTracer,
    ...options,
  });
}
