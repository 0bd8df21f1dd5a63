import { expect, test } from 'vitest';
import { connect } from '../support/clients/clients.ts';
import { openTestDatabase } from '../support/connector-database.ts';
import { MASTER_KEY } from '../support/gateway.ts';
import { REDIS_MS } from '../support/redis.ts';
import { startReplicas } from '../support/replicas/replicas.ts';
import { verifies } from '../support/verifies.ts';

test(
  "what one replica's PostgreSQL connector began to show, the other goes on with",
  async () => {
    verifies('postgres:cursors-shared');
    await using database = await openTestDatabase();
    const { host, port, user, database: name } = database.target();
    const server = {
      command: 'lanport:postgres',
      env: {
        DATABASE_URI: `postgresql://${user}@/${name}?host=${encodeURIComponent(host)}&port=${port}`,
        MCP_TOOLSETS: 'data',
      },
    };
    await using replicas = await startReplicas(2, { mcp_servers: { shop: server, other: server } });
    const [here, there] = replicas.gateways.map((gateway) => gateway.url) as [string, string];
    await using first = await connect('2025-11-25', here, MASTER_KEY);
    await using second = await connect('2025-11-25', there, MASTER_KEY);
    const sql = 'SELECT n FROM generate_series(1, 5) AS n ORDER BY n';
    const begun = await first.call('shop-execute_sql', { sql, max_rows: 2 });
    const { next_cursor: cursor } = (begun as { structuredContent: { next_cursor: string } })
      .structuredContent;
    expect(await second.call('shop-fetch_more', { cursor })).toMatchObject({
      structuredContent: { rows: [[3], [4]] },
    });
    // Another server of the same name for its database is another one all the same.
    expect(await second.call('other-fetch_more', { cursor })).toMatchObject({ isError: true });
  },
  REDIS_MS + 120_000,
);
