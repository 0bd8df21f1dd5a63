import { afterAll, beforeAll, expect, test } from 'vitest';
import { callTool } from '../../../test/support/call-tool.ts';
import { openTestDatabase, type TestDatabase } from '../../../test/support/connector-database.ts';
import { createPostgresConnector, type PostgresConnector } from './connector.ts';
import { DEMO_ROLE, loadDemo } from './demo/load-demo.ts';

/** What people who analyse data really write. Each must pass the guard, run as the demo's reader, and give rows. */
const QUERIES: readonly string[] = [
  'SELECT * FROM customers LIMIT 5',
  'SELECT count(*) FROM shop.orders',
  'select "name", "country" from "shop"."customers" where "country" = \'DE\' order by 1 limit 3;',
  'SELECT c.name, count(*) AS orders, sum(o.total) AS spent FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.name ORDER BY spent DESC LIMIT 10',
  'SELECT p.name, c.name FROM products p LEFT JOIN categories c ON c.id = p.category_id WHERE p.stock < 10 ORDER BY p.stock',
  'SELECT a.name, b.name FROM employees a FULL OUTER JOIN employees b ON a.manager_id = b.id',
  'SELECT * FROM categories NATURAL JOIN (SELECT id FROM categories WHERE parent_id IS NULL) AS roots',
  `WITH RECURSIVE tree AS (SELECT id, name, 0 AS depth FROM categories WHERE parent_id IS NULL
     UNION ALL SELECT c.id, c.name, t.depth + 1 FROM categories c JOIN tree t ON c.parent_id = t.id)
   SELECT * FROM tree ORDER BY depth, name`,
  'WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 5) SEARCH DEPTH FIRST BY n SET o SELECT n FROM t ORDER BY o',
  'WITH m AS MATERIALIZED (SELECT * FROM orders WHERE total > 100) SELECT status, count(*) FROM m GROUP BY status',
  'SELECT name, salary, rank() OVER (ORDER BY salary DESC), avg(salary) OVER (PARTITION BY role) FROM employees',
  'SELECT month, revenue, lag(revenue) OVER w, sum(revenue) OVER (ORDER BY month ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM monthly_sales WINDOW w AS (ORDER BY month)',
  'SELECT attributes ->> \'colour\' AS colour, count(*) FROM products WHERE attributes @> \'{"colour": "red"}\' GROUP BY 1',
  "SELECT jsonb_path_query_array(preferences, '$.interests[*]') FROM customers LIMIT 3",
  'SELECT key, count(*) FROM products, jsonb_each(attributes) GROUP BY key',
  "SELECT jsonb_agg(jsonb_build_object('id', id, 'name', name) ORDER BY id) FROM categories",
  "SELECT (preferences -> 'interests') ->> 0 FROM customers WHERE preferences ? 'interests' LIMIT 3",
  "SELECT name, ts_rank(search, q) FROM products, websearch_to_tsquery('english', 'folding lamp') AS q WHERE search @@ q ORDER BY 2 DESC LIMIT 5",
  "SELECT ts_headline('english', description, plainto_tsquery('english', 'rainy')) FROM products LIMIT 2",
  'SELECT c.name, last.total FROM customers c CROSS JOIN LATERAL (SELECT total FROM orders o WHERE o.customer_id = c.id ORDER BY ordered_at DESC LIMIT 1) AS last LIMIT 5',
  "SELECT d::date, count(o.id) FROM generate_series(timestamptz '2024-01-01', '2024-01-31', '1 day') AS d LEFT JOIN orders o ON o.ordered_at >= d AND o.ordered_at < d + interval '1 day' GROUP BY 1 ORDER BY 1",
  "SELECT count(*) FILTER (WHERE status = 'returned') AS returned, count(*) AS all, round(100.0 * count(*) FILTER (WHERE status = 'returned') / count(*), 2) FROM orders",
  'SELECT country, city, count(*) FROM customers GROUP BY GROUPING SETS ((country), (country, city), ()) ORDER BY 1, 2',
  'SELECT country, newsletter, count(*), grouping(country, newsletter) FROM customers GROUP BY CUBE (country, newsletter)',
  'SELECT country, city, count(*) FROM customers GROUP BY ROLLUP (country, city) HAVING count(*) > 10',
  "SELECT CASE WHEN price < 50 THEN 'low' WHEN price < 150 THEN 'middle' ELSE 'high' END AS band, count(*) FROM products GROUP BY 1",
  'SELECT array_agg(DISTINCT country ORDER BY country) FROM customers',
  "SELECT unnest(ARRAY[1, 2, 3]) AS n, (ARRAY['a', 'b'])[1], array_length(ARRAY[1, 2], 1), 1 = ANY (ARRAY[1, 2])",
  "SELECT x.n, x.at FROM unnest(ARRAY['a', 'b']) WITH ORDINALITY AS x(n, at)",
  "SELECT '42'::int, CAST('2024-02-29' AS date), '1 day'::interval, 1::text, '{1,2}'::int[], 'paid'::order_status",
  "SELECT date_trunc('month', ordered_at) AS month, extract(dow FROM ordered_at) AS day, to_char(ordered_at, 'YYYY-MM') FROM orders LIMIT 3",
  "SELECT age(date '2024-06-01', joined_on), joined_on + 30, now() - interval '1 year', current_date, date_part('year', joined_on) FROM customers LIMIT 1",
  "SELECT ordered_at AT TIME ZONE 'Europe/Berlin', make_date(2024, 1, 1), justify_hours(interval '30 hours') FROM orders LIMIT 1",
  "SELECT lower(name), upper(trim(name)), left(name, 3), split_part(email, '@', 2), length(name), replace(name, 'a', 'b'), concat_ws('-', id, name), format('%s', name) FROM customers LIMIT 1",
  "SELECT regexp_replace(name, '\\s+', ' ', 'g'), name ~ '^A', name ILIKE '%a%', name SIMILAR TO '(A|B)%', substring(name FROM 1 FOR 3), position('a' IN name), overlay(name PLACING 'x' FROM 1) FROM customers LIMIT 1",
  'SELECT pg_catalog.reverse(name) FROM customers LIMIT 1',
  'SELECT DISTINCT ON (country) country, name FROM customers ORDER BY country, joined_on',
  'SELECT id FROM customers WHERE id IN (SELECT customer_id FROM orders) AND NOT EXISTS (SELECT 1 FROM reviews r WHERE r.customer_id = customers.id) LIMIT 5',
  "SELECT 'customers' AS what, count(*) FROM customers UNION ALL SELECT 'orders', count(*) FROM orders EXCEPT SELECT 'x', 1",
  'SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY total), mode() WITHIN GROUP (ORDER BY status), stddev(total), corr(total, id), regr_slope(total, id) FROM orders',
  'SELECT width_bucket(price, 0, 200, 5) AS bucket, count(*), min(price), max(price), avg(price)::numeric(10, 2) FROM products GROUP BY 1 ORDER BY 1',
  "SELECT coalesce(phone, 'none'), nullif(city, ''), greatest(1, 2), least(1, 2) FROM customers LIMIT 1",
  "VALUES (1, 'a'), (2, 'b')",
  'TABLE categories',
  'SELECT * FROM orders TABLESAMPLE bernoulli (10) REPEATABLE (1) LIMIT 3',
  "SELECT random() < 2, gen_random_uuid() IS NOT NULL, clock_timestamp() > now(), md5('a'), encode(sha256('a'), 'hex')",
  'SELECT o.* FROM order_overview AS o ORDER BY total DESC FETCH FIRST 3 ROWS ONLY OFFSET 1',
  'SELECT (c).name, c.*, row_to_json(c) FROM customers AS c LIMIT 1',
  "SELECT string_agg(name, ', ' ORDER BY name) FROM categories WHERE parent_id IS NOT NULL",
  "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'shop'",
  "SELECT relname, pg_size_pretty(pg_total_relation_size(oid)), reltuples, obj_description(oid) FROM pg_class WHERE relnamespace = 'shop'::regnamespace",
  'SELECT indexrelname, idx_scan FROM pg_stat_user_indexes ORDER BY idx_scan',
  'SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE NOT convalidated',
  'SELECT version(), current_database(), current_user, current_schema(), inet_server_port() IS NULL',
  "SELECT current_setting('server_version'), current_setting('TimeZone')",
  'SHOW server_version',
  'SHOW search_path',
  'EXPLAIN SELECT * FROM orders WHERE customer_id = 1',
  'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT count(*) FROM order_items WHERE product_id = 1',
  "SELECT json_build_object('a', 1), to_jsonb(ROW(1, 2)), json_object_agg(id, name) FROM categories",
  'SELECT xmlelement(name product, xmlattributes(id AS id), name) FROM products LIMIT 1',
  "SELECT -- a comment; with a semicolon\n 'it''s; fine' AS text /* another; one */",
  "SELECT $$dollar; quoted$$ AS text, E'a\\nb', U&'\\0041'",
];

let database: TestDatabase;
let connector: PostgresConnector;

beforeAll(async () => {
  database = await openTestDatabase();
  await loadDemo(database.run);
  connector = createPostgresConnector({
    connection: database.target(DEMO_ROLE),
    log: { info() {}, warn() {}, error() {} },
    version: '1.0.0',
    allowWrite: false,
    allowFunctions: [],
    rolePolicy: 'enforce',
  });
});

afterAll(async () => {
  await connector.close();
  await database[Symbol.asyncDispose]();
});

test('there are at least 35 legitimate queries, each of its own', () => {
  expect(new Set(QUERIES).size).toBeGreaterThanOrEqual(35);
});

test.each(QUERIES)('runs: %s', async (sql) => {
  const { isError, text, structured } = await callTool(connector.server, 'execute_sql', { sql });
  expect(isError, text).toBe(false);
  expect((structured['columns'] as unknown[]).length).toBeGreaterThan(0);
  expect(structured['row_count'], text).toBeGreaterThan(0);
});
