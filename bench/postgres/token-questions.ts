/** One question, and the call by which each server answers it. */
export interface Question {
  readonly asked: string;
  readonly calls: Readonly<
    Record<ServerName, readonly [tool: string, args: Readonly<Record<string, unknown>>]>
  >;
}

export type ServerName = 'lanport' | 'postgres-mcp' | 'dbhub' | 'server-postgres';

const inSql = (sql: string): Question['calls'] => ({
  lanport: ['execute_sql', { sql }],
  'postgres-mcp': ['execute_sql', { sql }],
  dbhub: ['execute_sql', { sql }],
  'server-postgres': ['query', { sql }],
});

const COLUMNS = (table: string): string =>
  `SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns WHERE table_schema = 'shop' AND table_name = '${table}' ORDER BY ordinal_position`;

/** Where a server has a tool for a question it is used; where it has none, SQL that a model would write. */
export const QUESTIONS: readonly Question[] = [
  {
    asked: 'Which schemas are there?',
    calls: {
      lanport: ['list_schemas', {}],
      'postgres-mcp': ['list_schemas', {}],
      dbhub: ['search_objects', { object_type: 'schema', pattern: '%', detail_level: 'summary' }],
      'server-postgres': [
        'query',
        { sql: 'SELECT schema_name, schema_owner FROM information_schema.schemata' },
      ],
    },
  },
  {
    asked: 'Which tables are there?',
    calls: {
      lanport: ['list_objects', { schema_name: 'shop' }],
      'postgres-mcp': ['list_objects', { schema_name: 'shop' }],
      dbhub: [
        'search_objects',
        { object_type: 'table', schema: 'shop', pattern: '%', detail_level: 'summary' },
      ],
      'server-postgres': [
        'query',
        { sql: "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'shop'" },
      ],
    },
  },
  {
    asked: 'What does table orders look like?',
    calls: {
      lanport: ['get_object_details', { schema_name: 'shop', object_name: 'orders' }],
      'postgres-mcp': ['get_object_details', { schema_name: 'shop', object_name: 'orders' }],
      dbhub: [
        'search_objects',
        { object_type: 'table', schema: 'shop', pattern: 'orders', detail_level: 'full' },
      ],
      'server-postgres': ['query', { sql: COLUMNS('orders') }],
    },
  },
  {
    asked: 'What has to do with customers?',
    calls: {
      lanport: ['search_objects', { pattern: 'customer', detail: 'names' }],
      'postgres-mcp': [
        'execute_sql',
        {
          sql: "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'shop' AND (table_name LIKE '%customer%' OR column_name LIKE '%customer%')",
        },
      ],
      dbhub: ['search_objects', { object_type: 'column', schema: 'shop', pattern: '%customer%' }],
      'server-postgres': [
        'query',
        {
          sql: "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'shop' AND (table_name LIKE '%customer%' OR column_name LIKE '%customer%')",
        },
      ],
    },
  },
  { asked: 'Five customers', calls: inSql('SELECT * FROM shop.customers ORDER BY id LIMIT 5') },
  {
    asked: 'Fifty orders',
    calls: inSql('SELECT id, customer_id, status, ordered_at, total FROM shop.orders ORDER BY id LIMIT 50'),
  },
  {
    asked: 'Orders by status',
    calls: inSql('SELECT status, count(*), sum(total) FROM shop.orders GROUP BY status ORDER BY 2 DESC'),
  },
  { asked: 'One number', calls: inSql('SELECT count(*) FROM shop.reviews') },
  {
    asked: 'How would this be executed?',
    calls: {
      ...inSql('EXPLAIN SELECT * FROM shop.orders WHERE customer_id = 7'),
      lanport: ['explain_query', { sql: 'SELECT * FROM shop.orders WHERE customer_id = 7' }],
      'postgres-mcp': ['explain_query', { sql: 'SELECT * FROM shop.orders WHERE customer_id = 7' }],
    },
  },
  { asked: 'A table that is not there', calls: inSql('SELECT * FROM shop.costumers') },
];
