/** Whose account it is. */
export type AccountKind = 'key' | 'user' | 'team';

/** A key, user or team as it is kept. */
export interface AccountRow {
  readonly kind: AccountKind;
  readonly id: string;
  /** Counts the changes of this row; the store sets it. */
  readonly version: number;
  /** Of a key: SHA-256 of its value in hexadecimal; no two keys have the same. */
  readonly digest: string | undefined;
  /** Of a key or team. No two keys have the same. */
  readonly alias: string | undefined;
  /** Of a key. */
  readonly user: string | undefined;
  readonly team: string | undefined;
  /** JSON text of an object; equal in meaning when read again, not byte for byte. */
  readonly record: string;
}

/** One step of a change. `replace` counts only while the row has the `version` that is given. */
export type AccountWrite =
  | { readonly op: 'insert'; readonly row: AccountRow }
  | { readonly op: 'replace'; readonly row: AccountRow }
  | { readonly op: 'remove'; readonly kind: AccountKind; readonly ids: readonly string[] };

/** What became of a change. */
export type AccountOutcome =
  | { readonly outcome: 'kept' }
  /** Another row has the same id, digest or alias. */
  | { readonly outcome: 'taken'; readonly what: 'id' | 'digest' | 'alias' }
  /** Somebody else changed a row since it was read: read it again. */
  | { readonly outcome: 'stale' }
  /** Text that the database cannot hold. */
  | { readonly outcome: 'invalid' };

/** What has changed, whoever changed it: one row (version 0: it is gone), or anything, because changes may have been missed. */
export type AccountEvent =
  | { readonly kind: AccountKind; readonly id: string; readonly version: number }
  | { readonly kind: 'all' };

/** Keys, users and teams that were made at run time. Never holds a key's value. */
export interface AccountTable {
  /** Whether anything can be kept here. */
  readonly isWritable: boolean;
  /** All rows of a kind, in parts, by id. */
  parts(kind: AccountKind): AsyncIterable<readonly AccountRow[]>;
  /** Those of the rows that exist. */
  load(kind: AccountKind, ids: readonly string[]): Promise<readonly AccountRow[]>;
  /** All steps or none. Rejects when the store cannot be reached. */
  change(writes: readonly AccountWrite[]): Promise<AccountOutcome>;
  /** Tells of every change from now on, those made here too. After it could not be told for a while: `all`. The first event is `all`. */
  watch(listener: (event: AccountEvent) => void): AccountWatching;
}

/** Who hears of changes; disposed of, nothing is told any more. */
export interface AccountWatching extends AsyncDisposable {
  /** Resolves when everything that was changed before the call has been told; at once while nothing can be told. Rejects when that ends meanwhile. */
  heard(): Promise<void>;
}
