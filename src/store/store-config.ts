import { z } from 'zod';
import type { Secret } from '../core/secret.ts';
import { type ConfigReport, duration, secretText, setting } from '../core/setting.ts';

/** Where state is kept. */
export interface StoreConfig {
  /** An external PostgreSQL; without it, and unless `disabled`, the embedded one is used. */
  readonly databaseUrl: Secret | undefined;
  readonly disabled: boolean;
  /** Connections to an external PostgreSQL at most. */
  readonly connectionsMax: number;
  readonly connectTimeoutMs: number;
}

/** Keys of `general_settings` that belong to the store. */
export const storeGeneralShape = {
  database_url: setting(
    secretText().optional(),
    'PostgreSQL server that keeps all state, as postgresql://user:password@host:port/database. Without it the embedded PostgreSQL is used.',
    { env: ['DATABASE_URL'] },
  ),
  disable_database: setting(
    z.boolean().default(false),
    'Run from this file alone: no database, the ledger goes to JSONL files, and what needs a database answers with an error.',
  ),
  database_connection_pool_limit: setting(
    z.int().min(1).max(1_000).default(10),
    'Connections to the PostgreSQL server at most.',
  ),
  database_connection_timeout: setting(
    duration('s').prefault('10s'),
    'How long opening a connection to the PostgreSQL server may take; a bare number counts seconds.',
  ),
};

const storeSchema = z.object(storeGeneralShape);

/** The store's slice; `general` is the parsed `general_settings`. */
export function resolveStore(general: z.output<typeof storeSchema>, report: ConfigReport): StoreConfig {
  const path = ['general_settings', 'database_url'];
  const url = general.database_url;
  if (url !== undefined && !/^postgres(?:ql)?:\/\/./.test(url.reveal())) {
    report.error(
      path,
      'is not a PostgreSQL address',
      'It has the form postgresql://user:password@host:5432/database.',
    );
  }
  if (url !== undefined && !general.disable_database && !URL.canParse(url.reveal()) && !report.broken(path)) {
    report.error(
      path,
      'cannot be read as an address',
      'Special characters in the password must be percent-encoded, for example @ as %40.',
    );
  }
  return {
    databaseUrl: url,
    disabled: general.disable_database,
    connectionsMax: general.database_connection_pool_limit,
    connectTimeoutMs: general.database_connection_timeout,
  };
}
