import type { TrialDatabases } from '../advice/trial-indexes.ts';
import type { Cursors } from '../cursors.ts';
import type { Database } from '../database.ts';
import type { SqlParser } from '../guard/sql-parser.ts';
import type { RowCaps } from '../rows.ts';

/** What a tool works with. Tools know one database; which one a call means is settled before. */
export interface ToolDeps {
  /** As the operator named it. */
  readonly name: string;
  readonly database: Database;
  /** The same database as the role that writes; `undefined` where nothing is written. */
  readonly writer: Database | undefined;
  /** What is written may define tables, too. */
  readonly definesToo: boolean;
  readonly parser: SqlParser;
  readonly caps: RowCaps;
  readonly cursors: Cursors;
  /** Where indexes are tried out. */
  readonly trials: TrialDatabases;
}
