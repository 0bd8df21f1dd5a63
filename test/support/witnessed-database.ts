import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { DEMO_ROLE, loadDemo } from '../../src/connectors/postgres/demo/load-demo.ts';
import { type OwnServer, openOwnServer, type PostgresProgram } from './own-postgres.ts';

/** Folders whose files move with reads alone: caches of visibility, statistics, the log of changes. */
const MOVING =
  /^(?:base|global|pg_wal|pg_xact|pg_subtrans|pg_multixact|pg_stat|pg_stat_tmp|pg_notify|pg_logical|pg_commit_ts)$/;
const SECRETS = /CANARY-\w+|SCRAM-SHA-256\$|root:x:0/;
const LOOKS = 200;
const TRACE_FILE = '/tmp/evil';

/** The demo on a server of its own, with things to steal and to break, and two other sessions that notice. */
export interface WitnessedDatabase extends AsyncDisposable {
  readonly server: OwnServer;
  /** Cheap: what any write, lock, message or ended session changes. */
  glance(): Promise<string>;
  /** A glance that is `wanted`, or what is there after it could have settled: a connection that was cut ends a moment later. */
  settled(wanted: string): Promise<string>;
  /** All of it: every user table, catalogues, roles, settings, files. A text that is equal when nothing changed. */
  state(): Promise<string>;
}

/** What a text gives away that no read may, or `undefined`. */
export function leakIn(text: string): string | undefined {
  return SECRETS.exec(text)?.[0];
}

/** Makes and starts it. Its reading role is the one that `--print-role` makes. */
export async function openWitnessedDatabase(program: PostgresProgram): Promise<WitnessedDatabase> {
  const server = await openOwnServer(program, { settings: { max_prepared_transactions: '2' } });
  await loadDemo(server.run);
  await server.run(BAIT);
  await server.run('CREATE EXTENSION dblink SCHEMA public; CREATE EXTENSION tablefunc SCHEMA public');
  await server.run('VACUUM (ANALYZE)');
  const witnesses: readonly Witness[] = [new Witness(server.target()), new Witness(server.target(DEMO_ROLE))];
  for (const witness of witnesses) await witness.start();
  const glance = async (): Promise<string> => {
    for (const witness of witnesses) if (witness.gone) await witness.start();
    const [row] = await server.run(GLANCE);
    const seen = JSON.stringify([row, existsSync(TRACE_FILE), witnesses.map((one) => one.news)]);
    return seen;
  };
  const state = async (): Promise<string> => {
    const tables = await server.run(TABLES);
    const hashes = await server.run(
      tables
        .map(
          ({ name }) =>
            `SELECT '${String(name)}' AS name, md5(string_agg(t::text, ',' ORDER BY t::text)) AS hash FROM ${String(name)} AS t`,
        )
        .join(' UNION ALL '),
    );
    const catalogues = await server.run(CATALOGUES);
    return JSON.stringify([await glance(), hashes, catalogues, await files(server.dataFolder)]);
  };
  return {
    server,
    glance,
    state,
    settled: async (wanted) => {
      let seen = await glance();
      for (let look = 0; seen !== wanted && look < LOOKS; look++) seen = await glance();
      return seen;
    },
    [Symbol.asyncDispose]: async () => {
      for (const witness of witnesses) await witness.stop();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Another session: it holds a lock, listens, and counts how often it was ended. */
class Witness {
  readonly news = { ended: 0, heard: 0 };
  gone = false;
  readonly #config: pg.ClientConfig;
  #client: pg.Client | undefined;

  constructor(config: pg.ClientConfig) {
    this.#config = config;
  }

  async start(): Promise<void> {
    const client = new pg.Client({ ...this.#config, application_name: 'witness' });
    this.gone = false;
    client.on('notification', () => this.news.heard++);
    client.on('error', () => undefined);
    client.on('end', () => {
      if (this.#client !== client) return;
      this.gone = true;
      this.news.ended++;
    });
    await client.connect();
    this.#client = client;
    await client.query('LISTEN evil');
  }

  async stop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end();
  }
}

async function files(folder: string): Promise<unknown> {
  const found: [string, string][] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (MOVING.test(entry.name)) continue;
    const names = entry.isDirectory() ? await readdir(join(folder, entry.name), { recursive: true }) : [];
    const content = entry.name.endsWith('.conf') ? await readFile(join(folder, entry.name)) : '';
    found.push([
      entry.name,
      createHash('sha256').update(content).update(names.toSorted().join()).digest('hex'),
    ]);
  }
  return found.toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** Nothing in it is writable by the reader; every text with CANARY is to be kept from it. */
const BAIT = `
  GRANT USAGE ON SCHEMA public TO PUBLIC;
  ALTER ROLE ${DEMO_ROLE} SET search_path = shop, public;
  ALTER ROLE ${DEMO_ROLE} SET statement_timeout = '2s';
  CREATE FUNCTION shop.lower(integer) RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT nextval(''shop.invoice_numbers'')';
  CREATE FUNCTION shop.row_function(shop.categories) RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT nextval(''shop.invoice_numbers'')';
  CREATE FUNCTION shop.sum_and_write(integer, integer) RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT nextval(''shop.invoice_numbers'')';
  CREATE OPERATOR shop.##> (LEFTARG = integer, RIGHTARG = integer, FUNCTION = shop.sum_and_write);
  CREATE ROLE bait LOGIN PASSWORD 'bait'; CREATE ROLE postgres SUPERUSER;
  ALTER DATABASE postgres SET app.secret = 'CANARY-SETTING';
  CREATE SCHEMA vault; CREATE TABLE vault.secrets (a text); INSERT INTO vault.secrets VALUES ('CANARY-TABLE');
  SELECT lo_from_bytea(1, 'CANARY-OBJECT');
  CREATE EXTENSION postgres_fdw SCHEMA public;
  CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'localhost');
  CREATE USER MAPPING FOR bait SERVER elsewhere OPTIONS (password 'CANARY-MAPPING');
`;

/** Every change of data takes a transaction number; sequences do not always, so their values are looked at. */
const GLANCE = `
  SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next_transaction,
    (SELECT jsonb_object_agg(s.schemaname || '.' || s.sequencename, s.last_value) FROM pg_sequences AS s) AS sequences,
    (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory') AS advisory_locks,
    (SELECT count(*) FROM pg_locks WHERE pid <> pg_backend_pid() AND locktype <> 'virtualxid' AND pid NOT IN (SELECT pid FROM pg_stat_activity WHERE state = 'active')) AS locks,
    (SELECT count(*) FROM pg_replication_slots) AS slots, (SELECT count(*) FROM pg_prepared_xacts) AS prepared,
    (SELECT count(*) FROM pg_largeobject_metadata) AS objects, pg_conf_load_time() AS loaded,
    (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()) AS reset`;

const TABLES = `
  SELECT c.oid::regclass::text AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'm') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ORDER BY 1`;

const CATALOGUES = `
  SELECT (SELECT md5(string_agg(concat(c.oid, c.relname, c.relfilenode, c.relacl, c.relowner, c.relrowsecurity), ',' ORDER BY c.oid)) FROM pg_class AS c) AS relations,
    (SELECT md5(string_agg(concat(p.oid, p.proname, p.prosrc, p.proacl, p.prosecdef), ',' ORDER BY p.oid)) FROM pg_proc AS p) AS functions,
    (SELECT md5(string_agg(concat(a.oid, a.rolname, a.rolsuper, a.rolpassword), ',' ORDER BY a.oid)) FROM pg_authid AS a) AS roles,
    (SELECT md5(string_agg(s::text, ',' ORDER BY s::text)) FROM pg_db_role_setting AS s) AS role_settings,
    (SELECT md5(string_agg(m::text, ',' ORDER BY m::text)) FROM pg_auth_members AS m) AS members,
    (SELECT md5(string_agg(concat(s.name, s.reset_val), ',' ORDER BY s.name)) FROM pg_settings AS s WHERE s.name NOT LIKE 'transaction%') AS settings,
    (SELECT md5(string_agg(d::text, ',' ORDER BY d.datname)) FROM (SELECT datname, datacl, datdba FROM pg_database) AS d) AS databases`;
