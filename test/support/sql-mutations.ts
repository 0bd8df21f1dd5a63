import { ACCEPTED, REFUSED } from '../corpus/corpus.ts';
import type { SeededRandom } from './seeded-random.ts';

const CORPUS: readonly string[] = [...ACCEPTED, ...REFUSED]
  .flatMap((one) => one.statements)
  .filter((sql) => sql.length < 2_000);
const TOKENS =
  /\s+|--[^\n]*|\/\*.*?\*\/|\$\w*\$|[EBXU]?&?'(?:[^']|'')*'|"(?:[^"]|"")*"|\w+|::|[<>=!~@#%^&|?*/+-]+|./gsu;
const ODD = [
  '\0',
  '\ud800',
  '\u202e',
  '\ufeff',
  '\u00a0',
  '\u2028',
  "'",
  '"',
  '$$',
  '/*',
  '*/',
  '--',
  ';',
  '\\',
  '(',
  ')',
  '🦆',
  '\r',
  '\v',
];
const DEPTH_MAX = 5;

/** Words of PostgreSQL's grammar by what they stand for (gram.y, shortened): `{x}` is one of x, `{F}` a function of the server. */
const GRAMMAR: Readonly<Record<string, readonly string[]>> = {
  statement: [
    '{select}',
    '{select}',
    '{select}',
    '{select}',
    'EXPLAIN {explain} {select}',
    'TABLE {table}',
    'VALUES ({exprs}), ({exprs})',
    'SHOW {setting}',
    'INSERT INTO {table} {select}',
    'DELETE FROM {table} WHERE {expr}',
    'UPDATE {table} SET {column} = {expr}',
    'MERGE INTO {table} AS a USING {table} AS b ON {expr} WHEN MATCHED THEN DELETE',
    'COPY ({select}) TO STDOUT',
    "COPY {table} TO '/tmp/evil'",
    'CREATE TEMP TABLE evil AS {select}',
    'DO $x$ BEGIN PERFORM {call}; END $x$',
    'PREPARE evil AS {select}',
    'DECLARE c CURSOR WITH HOLD FOR {select}',
    'SET {setting} = {literal}',
    'LOCK {table}',
    'BEGIN',
    'COMMIT',
    '{select}; {statement}',
    'CALL {call}',
    'TRUNCATE {table}',
    'ALTER ROLE CURRENT_USER SET {setting} = {literal}',
    'EXPLAIN ANALYZE DELETE FROM {table}',
    'VACUUM {table}',
    'NOTIFY evil',
    'LISTEN evil',
  ],
  explain: [
    '',
    'ANALYZE',
    '(ANALYZE, BUFFERS)',
    '(COSTS off)',
    '(ANALYZE, FORMAT JSON, TIMING off)',
    'VERBOSE',
  ],
  select: [
    'SELECT {expr}',
    'SELECT {exprs} FROM {from}',
    'SELECT {exprs} FROM {from} WHERE {expr} LIMIT 5',
    'SELECT {agg} FROM {from} GROUP BY {column} HAVING {expr}',
    'SELECT {expr} OVER ({window}) FROM {from}',
    'WITH x AS ({select}) SELECT * FROM x',
    'WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT {expr} FROM t',
    'SELECT * FROM {from} ORDER BY {expr} FETCH FIRST 3 ROWS ONLY',
    '{select} UNION ALL {select}',
    'SELECT DISTINCT ON ({expr}) {exprs} FROM {from}',
    'SELECT * FROM {from} TABLESAMPLE system (10)',
    'SELECT * FROM {from} FOR UPDATE',
    'SELECT {exprs} INTO evil FROM {from}',
    'WITH d AS (DELETE FROM {table} RETURNING *) SELECT * FROM d',
  ],
  from: [
    '{table}',
    '{table}',
    '{table} AS c',
    '({select}) AS s',
    '{call} AS f',
    'generate_series(1, 5) AS g',
    '{table} AS a JOIN {table} AS b ON {expr}',
    '{table}, LATERAL ({select}) AS l',
    'ROWS FROM ({call}, {call}) AS r',
    'unnest(ARRAY[{exprs}]) AS u',
    "json_table('[1]', '$[*]' COLUMNS (a int PATH '$')) AS j",
    "xmltable('/a' PASSING xml '<a/>' COLUMNS n int PATH '.') AS x",
  ],
  table: [
    'customers',
    'shop.orders',
    'products',
    'categories',
    'pg_class',
    'pg_stat_activity',
    'pg_authid',
    'pg_settings',
    'vault.secrets',
    'pg_locks',
    'information_schema.tables',
    'pg_largeobject',
    'monthly_sales',
    'order_overview',
    'pg_proc',
  ],
  exprs: ['{expr}', '{expr}, {expr}', '*', '{expr}, {expr}, {expr}'],
  expr: [
    '{literal}',
    '{literal}',
    '{column}',
    '{call}',
    '{call}',
    '{call}',
    '({expr})::{type}',
    '{expr} {op} {expr}',
    'CASE WHEN {expr} THEN {expr} ELSE {expr} END',
    'coalesce({expr}, {expr})',
    '({select})',
    'EXISTS ({select})',
    '{expr} IN ({select})',
    'ARRAY[{expr}, {expr}]',
    '(ARRAY[{expr}])[1]',
    'ROW({exprs})',
    '({expr}).{F}',
    '(c).{F}',
    '{expr} IS NULL',
    'NOT {expr}',
    '{expr} BETWEEN {expr} AND {expr}',
    '{expr} LIKE {expr}',
    'CAST({expr} AS {type})',
    '{expr} COLLATE "C"',
    'nullif({expr}, {expr})',
    'greatest({expr}, {expr})',
    "json_value({expr}, '$.a')",
    'JSON_OBJECT({literal}: {expr})',
    'xmlelement(name a, {expr})',
    'current_setting({literal})',
    '{expr} OPERATOR(pg_catalog.+) {expr}',
    '{expr} OPERATOR(shop.##>) {expr}',
    'current_user',
    'now()',
  ],
  call: [
    '{F}()',
    '{F}({literal})',
    '{F}({expr})',
    '{F}({literal}, {literal})',
    '{F}({literal}, {literal}, {literal})',
    'pg_catalog.{F}({expr})',
    '{F}({literal}, {literal}, {literal}, {literal})',
    'shop.{F}({expr})',
    '{F}(VARIADIC {expr})',
    '{F}({literal}, true, true, {literal})',
  ],
  agg: [
    'count(*)',
    'count({expr})',
    'max({expr})',
    'array_agg({expr} ORDER BY {expr})',
    'string_agg({expr}::text, {literal})',
    '{F}({expr}) FILTER (WHERE {expr})',
    'percentile_cont(0.5) WITHIN GROUP (ORDER BY {expr})',
  ],
  window: ['', 'PARTITION BY {expr}', 'ORDER BY {expr} ROWS 1 PRECEDING'],
  column: ['id', 'name', 'c.id', 'c.name', 'total', 'country', 'oid', 'ctid', 'xmin', 'relname', 'tableoid'],
  op: [
    '+',
    '-',
    '*',
    '/',
    '||',
    '=',
    '<>',
    '<',
    '~',
    '->',
    '->>',
    '@>',
    '&&',
    '##>',
    'AND',
    'OR',
    '<->',
    '<@',
    '#>',
    '^',
    'IS DISTINCT FROM',
  ],
  type: [
    'int',
    'text',
    'numeric',
    'jsonb',
    'regclass',
    'regproc',
    'date',
    'interval',
    'bytea',
    'xml',
    'oid',
    'text[]',
    'inet',
    'name',
    'pg_lsn',
    'tsquery',
    'bool',
  ],
  literal: [
    '1',
    '0',
    '-1',
    '2147483647',
    '1.5',
    "'a'",
    "''",
    'NULL',
    'true',
    "'/etc/passwd'",
    "'shop.customers'",
    "'app.secret'",
    "'SELECT pg_read_file(''/etc/passwd'')'",
    "'DELETE FROM shop.reviews'",
    "'transaction_read_only'",
    "'off'",
    "'2024-01-01'",
    "'{}'",
    "'{1,2}'",
    "'0/0'",
    "'1 hour'",
    "'[1,2)'",
    'ARRAY[1]',
    "'evil'",
    "'customers'::regclass",
    "E'\\\\x00'",
    "'shop'",
    '16384',
    "U&'\\0061'",
  ],
  setting: [
    'statement_timeout',
    'search_path',
    'transaction_read_only',
    'app.secret',
    'data_directory',
    'work_mem',
    'all',
    'role',
    'session_authorization',
    'server_version',
  ],
};

/** Makes statements: mutations of the corpus, splices of two of its statements, and sentences of the grammar above. */
export class SqlMutations {
  readonly #random: SeededRandom;
  readonly #functions: readonly string[];

  /** `functions`: every name that the server has, the dangerous ones included. */
  constructor(random: SeededRandom, functions: readonly string[]) {
    this.#random = random;
    this.#functions = functions;
  }

  next(): string {
    const kind = this.#random.int(10);
    if (kind < 4) return this.#sentence('statement', 0);
    let sql = this.#random.pick(CORPUS);
    if (kind === 4) sql = this.#splice(sql);
    for (let times = 1 + this.#random.int(3); times > 0; times--) sql = this.#mutate(sql);
    return sql;
  }

  #sentence(rule: string, depth: number): string {
    const ways = GRAMMAR[rule]!;
    // The first way of each rule is its shortest.
    const way = depth > DEPTH_MAX ? ways[0]! : this.#random.pick(ways);
    return way.replaceAll(/\{(\w+)\}/g, (_all, name: string) =>
      name === 'F' ? this.#random.pick(this.#functions) : this.#sentence(name, depth + 1),
    );
  }

  #splice(sql: string): string {
    const [one, other] = [sql, this.#random.pick(CORPUS)].map((text) => text.match(TOKENS) ?? []);
    return [
      ...one!.slice(0, this.#random.int(one!.length + 1)),
      ...other!.slice(this.#random.int(other!.length + 1)),
    ].join('');
  }

  #mutate(sql: string): string {
    const random = this.#random;
    const tokens: string[] = sql.match(TOKENS) ?? [];
    const at = random.int(tokens.length + 1);
    switch (random.int(12)) {
      case 0:
        tokens.splice(at, 1);
        break;
      case 1:
        tokens.splice(at, 0, tokens[random.int(tokens.length)] ?? '');
        break;
      case 2:
        tokens.splice(at, 1, this.#sentence('expr', 3));
        break;
      case 3:
        tokens.splice(at, 0, random.pick(ODD));
        break;
      case 4:
        return sql.replace(/\b[a-z_0-9]+(?=\()/, () => random.pick(this.#functions));
      case 5:
        return sql.replace(/'(?:[^']|'')*'|\b\d+\b/, () => this.#sentence('literal', 0));
      case 6:
        return `SELECT * FROM (${sql}) AS q`;
      case 7:
        return `${random.pick(['EXPLAIN ANALYZE ', '/* a */ ', 'WITH w AS (SELECT 1) ', '-- a\n', '('])}${sql}`;
      case 8:
        return `${sql}${random.pick([' FOR UPDATE', '; SELECT 1', ';', ' --', ' UNION ALL SELECT 1', ' LIMIT 1', ')', ' INTO evil'])}`;
      case 9:
        return sql.replace(/\b(?:SELECT|FROM|WHERE|AS|ON|BY)\b/, () =>
          random.pick(['SELECT', 'FROM', 'DELETE FROM', 'INTO', 'TABLE', 'VALUES', 'FOR', 'USING', 'CALL']),
        );
      case 10:
        return sql.replace(/\b(?:customers|orders|products|categories|reviews)\b/, () =>
          this.#sentence('table', 0),
        );
      default: {
        const where = random.int(sql.length + 1);
        return sql.slice(0, where) + String.fromCharCode(random.int(256)) + sql.slice(where + random.int(2));
      }
    }
    return tokens.join('');
  }
}
