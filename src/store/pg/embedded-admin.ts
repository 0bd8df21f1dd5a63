import { Client, type ClientConfig } from 'pg';

/** Runs statements and gives the rows of the last one. */
export type RunSql = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/** Makes a database on our own server, unless it is there. `name` comes from the code, never from outside. */
export async function ensureDatabase(connection: ClientConfig, name: string): Promise<void> {
  await withClient(connection, async (run) => {
    const rows = await run(`SELECT 1 FROM pg_database WHERE datname = '${name.replaceAll("'", "''")}'`);
    if (rows.length === 0)
      await run(`CREATE DATABASE "${name.replaceAll('"', '""')}" ENCODING 'UTF8' TEMPLATE template0`);
  });
}

/** Hands `work` a session on a database, closed afterwards. */
export async function withClient<T>(connection: ClientConfig, work: (run: RunSql) => Promise<T>): Promise<T> {
  const client = new Client({ ...connection, application_name: 'lanport-setup' });
  // A connection that breaks between two statements says so by an event; the next statement fails with it.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(async (sql) => {
      const result = (await client.query(sql)) as unknown;
      const last = Array.isArray(result)
        ? (result.at(-1) as { rows: Record<string, unknown>[] })
        : (result as { rows: Record<string, unknown>[] });
      return last.rows;
    });
  } finally {
    await client.end();
  }
}
