import type { AccountKind, AccountRow } from '../store/account-ports.ts';
import { keyFromRow, teamFromRow, userFromRow } from './account-json.ts';
import type { KeyRecord, TeamRecord, UserRecord } from './account-records.ts';

/** A record and the version that it has in the store. */
export interface Held<T> {
  readonly record: T;
  readonly version: number;
}

interface Records {
  readonly key: KeyRecord;
  readonly user: UserRecord;
  readonly team: TeamRecord;
}

type Tables = { readonly [Kind in AccountKind]: Map<string, Held<Records[Kind]>> };

/** Keys, users and teams of the store in memory: by id, and keys also by the digests of their values and by alias. */
export class AccountIndex {
  readonly #tables: Tables = { key: new Map(), user: new Map(), team: new Map() };
  /** To ids of keys. */
  readonly #byDigest = new Map<string, string>();
  readonly #byAlias = new Map<string, string>();
  #listed: { [Kind in AccountKind]?: readonly Records[Kind][] } = {};

  size(kind: AccountKind): number {
    return this.#tables[kind].size;
  }

  get<Kind extends AccountKind>(kind: Kind, id: string): Held<Records[Kind]> | undefined {
    return this.#tables[kind].get(id);
  }

  keyOfDigest(digest: string): KeyRecord | undefined {
    const id = this.#byDigest.get(digest);
    return id === undefined ? undefined : this.#tables.key.get(id)?.record;
  }

  keyOfAlias(alias: string): KeyRecord | undefined {
    const id = this.#byAlias.get(alias);
    return id === undefined ? undefined : this.#tables.key.get(id)?.record;
  }

  /** All of a kind, newest first. */
  all<Kind extends AccountKind>(kind: Kind): readonly Records[Kind][] {
    const known = this.#listed[kind];
    if (known !== undefined) return known;
    const made = [...this.#tables[kind].values()]
      .map(({ record }) => record)
      .sort((one, other) => other.createdAt - one.createdAt || (one.id < other.id ? 1 : -1));
    this.#listed = { ...this.#listed, [kind]: made };
    return made;
  }

  /** Takes a row in, in the place of the one before. */
  put(row: AccountRow): void {
    this.drop(row.kind, row.id);
    const { version } = row;
    if (row.kind === 'user') this.#tables.user.set(row.id, { record: userFromRow(row), version });
    else if (row.kind === 'team') this.#tables.team.set(row.id, { record: teamFromRow(row), version });
    else {
      const record = keyFromRow(row);
      this.#tables.key.set(row.id, { record, version });
      for (const { digest } of record.formerValues) this.#byDigest.set(digest, record.id);
      this.#byDigest.set(record.digest, record.id);
      if (record.alias !== undefined) this.#byAlias.set(record.alias, record.id);
    }
  }

  drop(kind: AccountKind, id: string): void {
    this.#listed = { ...this.#listed, [kind]: undefined };
    if (kind === 'key') {
      const record = this.#tables.key.get(id)?.record;
      for (const digest of record === undefined ? [] : digestsOf(record))
        if (this.#byDigest.get(digest) === id) this.#byDigest.delete(digest);
      if (record?.alias !== undefined && this.#byAlias.get(record.alias) === id)
        this.#byAlias.delete(record.alias);
    }
    this.#tables[kind].delete(id);
  }

  /** All of a kind, in no order. */
  *records<Kind extends AccountKind>(kind: Kind): Iterable<Records[Kind]> {
    for (const { record } of this.#tables[kind].values()) yield record;
  }
}

function digestsOf(record: KeyRecord): readonly string[] {
  return [record.digest, ...record.formerValues.map(({ digest }) => digest)];
}
