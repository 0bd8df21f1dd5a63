import type { Secret } from '../core/secret.ts';
import type {
  KeyChange,
  KeyRecord,
  TeamChange,
  TeamMember,
  TeamRecord,
  UserChange,
  UserRecord,
} from './account-records.ts';

/** What a list of accounts is to hold; everything that is given must fit. */
export interface AccountQuery {
  readonly user?: string;
  readonly team?: string;
  /** Text that alias, id or (of a user) e-mail address contains, whatever the case. */
  readonly text?: string;
  /** Of keys: whether those of the configuration are listed too; by default they are not. */
  readonly withConfigured?: boolean;
  /** The first page is 1. */
  readonly page?: number;
  /** Entries on a page; at most PAGE_MAX. */
  readonly size?: number;
}

/** A page of a list, newest first. */
export interface AccountPage<T> {
  readonly items: readonly T[];
  /** Of all pages. */
  readonly total: number;
}

/**
 * A change, or what makes one of the account as it is when it is written: asked again when somebody else was first. Of what a change is made of in several
 * requests at once (limits), nothing is lost this way. It throws what refuses the change.
 */
export type Changing<Account, Change> = Change | ((before: Account) => Change);

/** What a key gets when it is made. */
export interface NewKey extends KeyChange {
  /** The value; without it, one is made. */
  readonly key?: Secret;
}

/** What a key gets when its value is replaced. */
export interface Regeneration {
  /** How long the value before goes on working, in milliseconds; 0 ends it at once. */
  readonly graceMs: number;
  /** The new value; without it, one is made. */
  readonly newKey?: Secret;
  readonly change?: Changing<KeyRecord, KeyChange>;
}

/** A key with its value, which is known at this moment only. */
export interface IssuedKey {
  readonly key: Secret;
  readonly record: KeyRecord;
}

/**
 * Keys, users and teams: those of the store in memory, looked up without waiting, and those of the configuration as the first layer. A change is
 * written to the store first and is in force here when the call resolves; other processes on the same store hear of it.
 *
 * Every change rejects with GatewayError: `database-missing` (kept in no database), `store-unavailable`, `key-unknown`, `user-unknown`, `team-unknown`,
 * `account-exists` (id, alias or value is taken), `account-invalid`, `key-configured`, `accounts-limit`, `account-contended`. `by` is who asked: alias or id of the principal.
 * A `ref` to a key is its value, its digest (LiteLLM's `token`), its id, or its alias.
 */
export interface KeyDirectory {
  createKey(input: NewKey, by: string): Promise<IssuedKey>;
  updateKey(ref: string, change: Changing<KeyRecord, KeyChange>, by: string): Promise<KeyRecord>;
  /** Deletes all of them, or none where one is unknown; answers what there was. */
  deleteKeys(refs: readonly string[], by: string): Promise<readonly KeyRecord[]>;
  setBlocked(ref: string, blocked: boolean, by: string): Promise<KeyRecord>;
  regenerateKey(ref: string, how: Regeneration, by: string): Promise<IssuedKey>;
  findKey(ref: string): KeyRecord | undefined;
  listKeys(query?: AccountQuery): AccountPage<KeyRecord>;

  /** Without an id one is made. */
  createUser(input: UserChange & { readonly id?: string }, by: string): Promise<UserRecord>;
  updateUser(id: string, change: Changing<UserRecord, UserChange>, by: string): Promise<UserRecord>;
  /** Deletes them and their keys, and takes them out of their teams. */
  deleteUsers(ids: readonly string[], by: string): Promise<readonly UserRecord[]>;
  findUser(id: string): UserRecord | undefined;
  listUsers(query?: AccountQuery): AccountPage<UserRecord>;

  /** Without an id one is made. */
  createTeam(
    input: TeamChange & { readonly id?: string; readonly members?: readonly TeamMember[] },
    by: string,
  ): Promise<TeamRecord>;
  updateTeam(id: string, change: Changing<TeamRecord, TeamChange>, by: string): Promise<TeamRecord>;
  /** Deletes them and their keys. */
  deleteTeams(ids: readonly string[], by: string): Promise<readonly TeamRecord[]>;
  /** Adds members, and changes those that are there. */
  setMembers(
    team: string,
    members: Changing<TeamRecord, readonly TeamMember[]>,
    by: string,
  ): Promise<TeamRecord>;
  removeMembers(team: string, users: readonly string[], by: string): Promise<TeamRecord>;
  findTeam(id: string): TeamRecord | undefined;
  listTeams(query?: AccountQuery): AccountPage<TeamRecord>;
  /** The teams that a user is a member of. */
  teamsOf(user: string): readonly TeamRecord[];

  /** Resolves when what other gateways had changed before the call is in force here; after a moment also when that cannot be known. Never rejects. */
  catchUp(): Promise<void>;
  /** Whether changes can be kept at all; `false` without a database. */
  readonly isWritable: boolean;
}

/** Entries on a page of a list at most. */
export const PAGE_MAX = 1_000;
