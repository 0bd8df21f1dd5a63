import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestDatabase, type TestDatabase } from '../../../../test/support/connector-database.ts';
import { DEMO_ROLE, loadDemo } from './load-demo.ts';

const TABLES = ['customers', 'categories', 'products', 'orders', 'order_items', 'reviews', 'employees'];
/** The lexemes of a full-text column depend on the server's dictionaries; the text that they come from is covered. */
const GENERATED = "to_jsonb(t) - 'search'";

let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase();
});

afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

async function contentHash(): Promise<unknown> {
  const each = TABLES.map(
    (table) =>
      `SELECT md5(string_agg(md5((${GENERATED})::text), '' ORDER BY (${GENERATED})::text COLLATE "C")) FROM shop.${table} AS t`,
  );
  const [row] = await database.run(`SELECT md5(${each.map((one) => `(${one})`).join(' || ')}) AS hash`);
  return row?.['hash'];
}

test('the demo loads once, and is then found to be there', async () => {
  expect(await loadDemo(database.run)).toBe('loaded');
  expect(await loadDemo(database.run)).toBe('present');
});

test('every load, on every server version, gives the same content', async () => {
  const pinned = '25e3c2f5b9265bbfbf87823b433a7dd8';
  expect(await contentHash()).toBe(pinned);
  await database.run("COMMENT ON SCHEMA shop IS 'Demo, version 0: an older one'; DELETE FROM shop.reviews");
  expect(await contentHash()).not.toBe(pinned);
  expect(await loadDemo(database.run)).toBe('loaded');
  expect(await contentHash()).toBe(pinned);
});

test('the demo has 15 to 20 thousand rows', async () => {
  const counts = TABLES.map((table) => `(SELECT count(*) FROM shop.${table})`).join(' + ');
  const [row] = await database.run(`SELECT (${counts})::int AS rows`);
  expect(row?.['rows']).toBeGreaterThan(15_000);
  expect(row?.['rows']).toBeLessThan(20_000);
});

test('its reader may look at the shop and do nothing else', async () => {
  const [role] = await database.run(`
    SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication AS strong, rolcanlogin AS login,
      rolconfig::text[] @> ARRAY['default_transaction_read_only=on'] AS read_only,
      (SELECT bool_or(has_table_privilege(rolname, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER'))
       FROM pg_class AS c WHERE c.relnamespace = 'shop'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')) AS writes,
      (SELECT bool_and(has_table_privilege(rolname, c.oid, 'SELECT')) FROM pg_class AS c
       WHERE c.relnamespace = 'shop'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')) AS reads,
      (SELECT bool_or(has_schema_privilege(rolname, n.oid, 'CREATE')) FROM pg_namespace AS n) AS creates
    FROM pg_roles WHERE rolname = '${DEMO_ROLE}'`);
  expect(role).toEqual({
    strong: false,
    login: true,
    read_only: true,
    writes: false,
    reads: true,
    creates: false,
  });
});

test('its flaws are there to be found', async () => {
  const [flaws] = await database.run(`
    SELECT
      (SELECT count(*)::int FROM pg_index WHERE indrelid = 'shop.reviews'::regclass AND indkey::text = '2') AS duplicates,
      (SELECT count(*)::int FROM pg_index WHERE indrelid = 'shop.order_items'::regclass AND indkey::text LIKE '4%') AS product_indexes,
      (SELECT coalesce(sum(idx_scan), -1)::int FROM pg_stat_user_indexes WHERE indexrelname = 'customers_newsletter') AS newsletter_scans,
      (SELECT bool_and(idx_scan >= 100) FROM pg_stat_user_indexes WHERE indexrelname IN ('orders_2023_customer_id_idx', 'reviews_customer', 'products_search', 'products_colour')) AS others_used,
      (SELECT count(*)::int FROM shop.recalled) BETWEEN 1 AND 20 AS recalled,
      (SELECT count(*)::int FROM pg_constraint WHERE connamespace = 'shop'::regnamespace AND NOT convalidated) AS not_validated,
      (SELECT max_value - start_value < 10000 FROM pg_sequences WHERE sequencename = 'invoice_numbers') AS near_end,
      (SELECT last_value > 2000000000 AND data_type::text = 'integer' FROM pg_sequences WHERE sequencename = 'reviews_id_seq') AS identity_near_end,
      (SELECT count(*)::int FROM pg_policy) AS policies,
      (SELECT count(*)::int FROM shop.customers WHERE email NOT LIKE '%@example.com') AS foreign_addresses,
      obj_description('shop.products'::regclass) LIKE '%ignore previous instructions%' AS injection`);
  expect(flaws).toEqual({
    duplicates: 2,
    product_indexes: 0,
    newsletter_scans: 0,
    others_used: true,
    recalled: true,
    not_validated: 1,
    near_end: true,
    identity_near_end: true,
    policies: 1,
    foreign_addresses: 0,
    injection: true,
  });
});
