import pg from 'pg';
import { expect, test } from 'vitest';
import { openOwnServer, postgresPrograms } from '../../../test/support/own-postgres.ts';
import { verifies } from '../../../test/support/verifies.ts';
import { loadMaskedColumns } from './mask-columns.ts';
import { parseMaskRules } from './mask-rules.ts';

const SCHEMA = `
  CREATE TABLE people (id int PRIMARY KEY, name text, email text, folded text GENERATED ALWAYS AS (lower(email)) STORED);
  CREATE TABLE staff (boss int) INHERITS (people);
  CREATE TABLE notes (id int, people_id int, note text);
  CREATE VIEW plain AS SELECT id, email AS contact FROM people;
  CREATE VIEW again AS SELECT contact AS c2, n.note FROM plain JOIN notes AS n ON n.people_id = plain.id;
  CREATE VIEW shouted AS SELECT id, upper(email) AS big, name FROM people;
  CREATE VIEW united AS (SELECT id, name AS x FROM people UNION SELECT id, email FROM people) UNION ALL (SELECT id, note FROM notes ORDER BY 1 LIMIT 1);
  CREATE VIEW whole AS SELECT id, row_to_json(p) AS everything FROM people AS p;
  CREATE VIEW asked AS SELECT n.id, (SELECT p.email FROM people AS p WHERE p.id = n.people_id) AS answer FROM notes AS n;
  CREATE VIEW named AS WITH q(a, b) AS (SELECT id, email FROM people) SELECT a, b FROM q ORDER BY b;
  CREATE VIEW grouped AS SELECT email AS g, count(*) AS times FROM people GROUP BY email;
  CREATE VIEW filtered AS SELECT id, name FROM people WHERE email IS NOT NULL;
  CREATE VIEW "odd } (\\ name" AS SELECT '{QUERY :targetList ({' AS ":resorigtbl 7 {", email AS "a } b" FROM people;
  CREATE VIEW ruled AS SELECT id FROM people; CREATE RULE r AS ON INSERT TO ruled DO INSTEAD NOTHING;
  CREATE MATERIALIZED VIEW kept AS SELECT c2 AS c3 FROM again;
  CREATE VIEW loose AS SELECT note FROM notes;`;

test.each(postgresPrograms())(
  'a masked column is followed to wherever its values are shown, on PostgreSQL $name',
  async (program) => {
    verifies('postgres:masking');
    await using server = await openOwnServer(program);
    await server.run(SCHEMA);
    const client = new pg.Client(server.target());
    client.on('error', () => undefined);
    await client.connect();
    const found = await loadMaskedColumns(client, parseMaskRules(['people.email']));
    await client.end();
    expect(found.map(({ table, column }) => `${table}.${column}`).sort()).toEqual(
      [
        'pg_roles.rolconfig',
        'pg_user.useconfig',
        'pg_stat_activity.query',
        'people.email',
        'people.folded',
        'staff.email',
        'staff.folded',
        'plain.contact',
        'again.c2',
        'shouted.big',
        'united.x',
        'whole.everything',
        'asked.answer',
        'named.b',
        'grouped.g',
        // Computed in a view that uses the column.
        'grouped.times',
        'odd } (\\ name.:resorigtbl 7 {',
        'odd } (\\ name.a } b',
        'kept.c3',
      ].sort(),
    );
  },
);
