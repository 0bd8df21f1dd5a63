import type { RoleFacts } from '../role.ts';

/** What `health_type` may name. */
export const HEALTH_TYPES = [
  'index',
  'connection',
  'vacuum',
  'sequence',
  'replication',
  'buffer',
  'constraint',
  'bloat',
] as const;
export type HealthType = (typeof HEALTH_TYPES)[number];

export type Severity = 'high' | 'medium' | 'low';

/** Something that is wrong. `fix` is SQL, or what to do, for a person to decide on. */
export interface Problem {
  readonly severity: Severity;
  /** What it is about, quoted as SQL writes it. */
  readonly object: string;
  /** The numbers that say so. */
  readonly evidence: string;
  readonly fix: string;
}

export interface CheckOutcome {
  /** Things that were looked at. */
  readonly examined: number;
  readonly problems: readonly Problem[];
  /** What this role, this server or the check's own bounds kept from being looked at. */
  readonly notSeen?: string | undefined;
}

/** Runs one statement of the check's own; rows with plain numbers (cast int8 to float8). */
export type Query = <Row extends object>(sql: string, values?: readonly unknown[]) => Promise<readonly Row[]>;

/** One check: a question to the catalogue and the server's counters. */
export interface HealthCheck {
  readonly name: string;
  readonly type: HealthType;
  /** What is examined, in the plural. */
  readonly what: string;
  run(query: Query, role: RoleFacts): Promise<CheckOutcome>;
}

/** Tables, indexes and constraints of the user. */
export const USER_SCHEMA = `n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'`;

/** Joins sentences about what was not seen; undefined without any. */
export function notSeen(...parts: readonly (string | false | undefined)[]): string | undefined {
  const given = parts.filter((part) => typeof part === 'string' && part !== '');
  return given.length === 0 ? undefined : given.join(' ');
}

/** Bytes as people read them. */
export function readable(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(bytes, 1)) / 10)));
  return `${Math.round((bytes / 1024 ** power) * 10) / 10} ${units[power]}`;
}
