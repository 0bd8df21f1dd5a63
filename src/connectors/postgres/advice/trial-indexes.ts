import type { ToolContext } from '../../../mcp/tool-context.ts';
import type { Database, DatabaseFacts } from '../database.ts';
import { quoteIdentifier } from '../role.ts';
import { readRows } from '../rows.ts';
import type { Session } from '../session.ts';
import { type ExplainedPlan, readPlan } from './plan.ts';
import type { TableFacts } from './tables.ts';

export interface IndexSpec {
  readonly table: TableFacts;
  readonly columns: readonly string[];
  readonly using: 'btree' | 'hash' | 'brin' | 'gin' | 'gist';
  /** Operator class of the first column, ready for SQL; the type's own without it. */
  readonly opclass?: string;
}

/** A statement that passed the guard; `parameters` are left open. */
export interface JudgedQuery {
  readonly sql: string;
  readonly parameters: number;
}

/** An index that exists for the moment, or seems to. */
export interface TrialIndex {
  readonly names: readonly string[];
  readonly sizeBytes: number;
}

/** Indexes under trial. They are dropped in the opposite order. */
export interface Trial {
  readonly engine: TrialEngine;
  /** The session under the reader's role or an equal one. */
  readonly session: Session;
  create(spec: IndexSpec): Promise<TrialIndex>;
  dropLast(): Promise<void>;
  explain(query: JudgedQuery): Promise<ExplainedPlan>;
}

export type TrialEngine = 'hypopg' | 'rolled back' | 'none';

/** How an estimate was got, for the reader of a result. */
export const ENGINE_METHODS: Readonly<Record<TrialEngine, string>> = {
  hypopg:
    "estimated by PostgreSQL's planner with hypothetical indexes of hypopg: nothing was built; sizes are hypopg's estimates",
  'rolled back':
    "estimated by PostgreSQL's planner with real indexes, built in a transaction that was rolled back; sizes are real",
  none: "estimated by PostgreSQL's planner with the indexes that there are",
};

/** What an operator has to do before indexes can be tried. */
export const NO_ENGINE =
  'Indexes cannot be tried on this server: the extension hypopg is not in this database. The operator installs its package (Debian: postgresql-<version>-hypopg) and runs CREATE EXTENSION hypopg, with USAGE on its schema for the role of this connector.';

/** Each statement that is prepared gets a name of its own: a rollback does not take it back. */
const PREPARED = 'lanport_trial_';
const PLAN_BYTES_MAX = 4 * 1024 * 1024;
const PLAN_CAPS = { rowsMax: 1, bytesMax: PLAN_BYTES_MAX, cellCharactersMax: PLAN_BYTES_MAX };

const HYPOPG = `
  SELECT n.nspname::text AS schema FROM pg_catalog.pg_extension AS e JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
  WHERE e.extname = 'hypopg' AND has_schema_privilege(n.oid, 'USAGE')`;

export interface TrialDatabases {
  /** The connector's own. */
  readonly database: Database;
  /** As the owner of the tables, and the role to plan as. Only for the demo: its transactions write until they are rolled back. */
  readonly owner?: { readonly database: Database; readonly role: string } | undefined;
}

/**
 * Lets `work` try indexes, by hypopg where it is installed, else for real in a transaction of the owner that is rolled back. `work` gets
 * undefined when neither can be. Whatever it made is gone afterwards. `judgedBy`: the facts that the statements were judged by, when these are
 * the same for all.
 */
export async function withTrial<T>(
  { database, owner }: TrialDatabases,
  context: ToolContext,
  work: (trial: Trial | undefined) => Promise<T>,
  judgedBy?: DatabaseFacts,
): Promise<T> {
  if (owner !== undefined) {
    return owner.database.tryOut(context, (session) => work(new RolledBackTrial(session, owner.role)));
  }
  return database.read(
    context,
    async (session) => {
      const { rows } = await session.client.query<{ schema: string }>(HYPOPG);
      if (rows[0] === undefined) return work(undefined);
      // Hypothetical indexes belong to the server process, and a rollback keeps them.
      session.retire();
      return work(new HypotheticalTrial(session, quoteIdentifier(rows[0].schema)));
    },
    judgedBy,
  );
}

/** Explains without executing. Rejects with what PostgreSQL says. */
export async function explainOnce(
  session: Session,
  { sql, parameters }: JudgedQuery,
  name = `${PREPARED}0`,
): Promise<ExplainedPlan> {
  const run = (text: string): ReturnType<typeof readRows> => readRows(session, text, PLAN_CAPS, new Map());
  if (parameters === 0) return readPlan((await run(explainPrefix(false) + sql)).rows[0]?.[0]);
  // A generic plan is made without the values, which nobody knows.
  await run("SELECT pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', true)");
  await run(`PREPARE ${name} AS ${sql}`);
  const values = Array.from({ length: parameters }, () => 'NULL').join(', ');
  const explained = await run(`${explainPrefix(false)}EXECUTE ${name}(${values})`);
  await run(`DEALLOCATE ${name}`);
  return readPlan(explained.rows[0]?.[0]);
}

/** What stands in front of a statement that is to be explained. */
export function explainPrefix(analyze: boolean): string {
  return `EXPLAIN (${analyze ? 'ANALYZE, BUFFERS' : 'COSTS'}, VERBOSE, FORMAT JSON) `;
}

/** `CREATE INDEX` for a specification, without a name. */
export function indexSql(
  { table, columns, using, opclass }: IndexSpec,
  leaf?: { schema: string; name: string },
): string {
  const { schema, name } = leaf ?? table;
  const keys = columns.map(
    (column, at) => quoteIdentifier(column) + (at === 0 && opclass ? ` ${opclass}` : ''),
  );
  return `CREATE INDEX ON ${quoteIdentifier(schema)}.${quoteIdentifier(name)} USING ${using} (${keys.join(', ')})`;
}

class HypotheticalTrial implements Trial {
  readonly engine = 'hypopg';
  readonly session: Session;
  readonly #schema: string;
  readonly #made: number[][] = [];
  #prepared = 0;

  constructor(session: Session, schema: string) {
    this.session = session;
    this.#schema = schema;
  }

  async create(spec: IndexSpec): Promise<TrialIndex> {
    const { client } = this.session;
    const targets = spec.table.kind === 'p' ? spec.table.leaves : [spec.table];
    const made: { readonly oid: number; readonly name: string; readonly bytes: number }[] = [];
    const oids: number[] = [];
    this.#made.push(oids);
    await client.query('SAVEPOINT made');
    try {
      for (const target of targets) {
        const { rows } = await client.query<{ oid: number; name: string; bytes: number }>(
          `SELECT h.indexrelid AS oid, h.indexname::text AS name, ${this.#schema}.hypopg_relation_size(h.indexrelid)::float8 AS bytes
           FROM ${this.#schema}.hypopg_create_index($1) AS h`,
          [indexSql(spec, target)],
        );
        made.push(...rows);
        oids.push(...rows.map(({ oid }) => oid));
      }
    } catch (error) {
      await client.query('ROLLBACK TO made');
      await this.dropLast();
      throw error;
    }
    return {
      names: made.map(({ name }) => name),
      sizeBytes: made.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }

  async dropLast(): Promise<void> {
    for (const oid of this.#made.pop() ?? [])
      await this.session.client.query(`SELECT ${this.#schema}.hypopg_drop_index($1)`, [oid]);
  }

  explain(query: JudgedQuery): Promise<ExplainedPlan> {
    return guarded(this.session, 'look', () =>
      explainOnce(this.session, query, `${PREPARED}${++this.#prepared}`),
    );
  }
}

class RolledBackTrial implements Trial {
  readonly engine = 'rolled back';
  readonly session: Session;
  readonly #role: string;
  #depth = 0;
  #prepared = 0;

  constructor(session: Session, role: string) {
    this.session = session;
    this.#role = role;
  }

  async create(spec: IndexSpec): Promise<TrialIndex> {
    const { client } = this.session;
    const name = `lanport_trial_${++this.#depth}`;
    await client.query(`SAVEPOINT ${name}`);
    try {
      await client.query(indexSql(spec).replace('CREATE INDEX ON', `CREATE INDEX ${name} ON`));
    } catch (error) {
      await client.query(`ROLLBACK TO ${name}`);
      this.#depth--;
      throw error;
    }
    const { rows } = await client.query<{ name: string; bytes: number }>(
      `SELECT i.relname::text AS name, pg_catalog.pg_relation_size(i.oid)::float8 AS bytes
       FROM pg_catalog.pg_class AS c
       JOIN pg_catalog.pg_class AS i ON i.oid = c.oid OR i.oid IN (SELECT t.relid FROM pg_catalog.pg_partition_tree(c.oid) AS t)
       WHERE c.relname = $1 AND c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = $2)`,
      [name, spec.table.schema],
    );
    return {
      names: rows.map((row) => row.name),
      sizeBytes: rows.reduce((sum, row) => sum + row.bytes, 0),
    };
  }

  async dropLast(): Promise<void> {
    await this.session.client.query(`ROLLBACK TO lanport_trial_${this.#depth}`);
    this.#depth--;
  }

  /** As the reader, who may not write, so that the plan is the reader's own. */
  explain(query: JudgedQuery): Promise<ExplainedPlan> {
    const { client } = this.session;
    return guarded(this.session, 'look', async () => {
      await client.query(`SET LOCAL ROLE ${quoteIdentifier(this.#role)}`);
      await client.query('SET LOCAL transaction_read_only = on');
      return explainOnce(this.session, query, `${PREPARED}${++this.#prepared}`);
    });
  }
}

/** Runs `work` so that its failure leaves the transaction usable, and its settings are taken back. */
async function guarded<T>({ client }: Session, savepoint: string, work: () => Promise<T>): Promise<T> {
  await client.query(`SAVEPOINT ${savepoint}`);
  try {
    return await work();
  } finally {
    await client.query(`ROLLBACK TO ${savepoint}`);
  }
}
