import type { CallEnd, CallStart, CallStatus, LedgerRecord, LedgerRow } from './call-records.ts';
import type { LedgerArchive } from './archive-ports.ts';
import type { Readable } from 'node:stream';
import type { AccountTable } from './account-ports.ts';

/**
 * The shapes that the store keeps. `ledger/` and `keys/` import them from here; `mcp/` declares its own port (mcp-ports.ts
 * CatalogStore), which CatalogTable satisfies structurally, because the engine must not know the store.
 */

export interface CatalogRow {
  readonly server: string;
  readonly fingerprint: string;
  /** JSON text, kept byte for byte. */
  readonly payload: string;
  /** Milliseconds since the Unix epoch. */
  readonly updatedAt: number;
}

export interface CatalogTable {
  loadAll(): Promise<readonly CatalogRow[]>;
  save(row: CatalogRow): Promise<void>;
  remove(server: string): Promise<void>;
}

export interface ToolHistoryRow {
  readonly server: string;
  readonly tool: string;
  /** JSON text, kept byte for byte. */
  readonly payload: string;
  /** Milliseconds since the Unix epoch. */
  readonly updatedAt: number;
}

/** What mcp-ports.ts declares as ToolHistoryStore. */
export interface ToolHistoryTable {
  /** The rows of these servers, by server and tool. */
  load(servers: readonly string[]): Promise<readonly ToolHistoryRow[]>;
  /** Keeps all of them or none. */
  save(rows: readonly ToolHistoryRow[]): Promise<void>;
  remove(server: string, tools: readonly string[]): Promise<void>;
}

/** An answer of a model that its client may refer to. */
export interface ResponseRow {
  readonly id: string;
  readonly keyId: string;
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number;
  /** JSON text, kept byte for byte. */
  readonly payload: string;
}

/** What llm-ports.ts declares as ResponseStore. Of a key that keeps too much, the oldest rows go. */
export interface ResponseTable {
  save(row: ResponseRow): Promise<void>;
  /** `undefined`: unknown, expired, or of another key. */
  load(id: string, keyId: string): Promise<ResponseRow | undefined>;
  /** Whether another key has one of this id, expired ones included. */
  isOthers(id: string, keyId: string): Promise<boolean>;
  /** Whether there was one. */
  remove(id: string, keyId: string): Promise<boolean>;
  /** Deletes what has expired; returns how many. */
  purge(): Promise<number>;
}

/** Random values that belong to this installation, made on first use and then kept (for example the key that seals session ids). */
export interface InstanceSecrets {
  /** The value called `name`; `bytes` random bytes when it did not exist. The same for every process on the same store. */
  getOrCreate(name: string, bytes: number): Promise<Uint8Array>;
}

/** Everything that a store holds, to be put away. */
export interface BackupSource {
  /** A gzipped tar archive of all of it as of one moment, while others go on writing. Who takes it reads or destroys it. */
  archive(options: {
    /** Version of the program. */
    readonly madeBy: string;
    /** What goes with it, by paths in the data folder. */
    readonly files: readonly { readonly path: string; readonly bytes: Buffer }[];
  }): Readable;
}

/** An opened store. Who opened it closes it. */
export interface Store extends AsyncDisposable {
  readonly kind: 'embedded' | 'external' | 'none';
  readonly catalog: CatalogTable;
  readonly toolHistory: ToolHistoryTable;
  readonly responses: ResponseTable;
  readonly accounts: AccountTable;
  readonly ledger: LedgerStore;
  readonly spend: SpendQueries;
  /** `undefined`: there is no database. */
  readonly bodies: BodyStore | undefined;
  readonly deployments: DeploymentTable | undefined;
  /** `undefined`: there is no database, and so nobody else's run. */
  readonly runs: RunQueries | undefined;
  readonly archive: LedgerArchive;
  readonly secrets: InstanceSecrets;
  /** `undefined`: there is no database. */
  readonly backup: BackupSource | undefined;
  /** A round trip to the database, bounded to 2 s; never throws. `detail` is one sentence for the operator, free of secrets. */
  health(): Promise<{ readonly ok: boolean; readonly detail: string }>;
}

/** A run of a gateway, as the others on the same store know it. */
export interface WriterIdentity {
  readonly writer: string;
  /** Name of its data folder, which one process at a time has: another writer of the same home has ended. */
  readonly home: string;
  /** Fingerprint of the key that its hashes are made with. */
  readonly keyId: string;
}

/** How far the chain of a writer has come: its newest record, and that one's hash. */
export interface ChainTip extends WriterIdentity {
  readonly seq: number;
  readonly hash: Buffer;
}

/** A call without an end whose writer does not live. */
export interface OrphanCall {
  readonly id: string;
  readonly startedAt: number;
}

/** An end that is not in the chain of the call's writer: another one closed the call. */
export interface Closing {
  readonly call: OrphanCall;
  readonly end: CallEnd;
  /** Who closes. */
  readonly writer: string;
  readonly hash: Buffer;
}

/** Where records end up. `append` is idempotent by (call id, phase) and all or nothing. */
export interface LedgerStore {
  /** Whether hashes and tips are kept. */
  readonly isChained: boolean;
  /** The tips move with the records or not at all, and never back. */
  append(records: readonly LedgerRecord[], tips?: readonly ChainTip[]): Promise<void>;
  /** Rejects when the store would not take the record; keeps nothing of it. */
  accepts(record: LedgerRecord): Promise<void>;
  /** How far it has the chain of this writer, retired ones included; `undefined`: it has had no record of it. */
  tip(writer: string): Promise<Pick<ChainTip, 'seq' | 'hash'> | undefined>;
  /** Says that the writer lives, or has ended in order. */
  beat(who: WriterIdentity, alive: boolean): Promise<void>;
  /**
   * Calls without an end whose writer has ended: one of the same home, one that ended in order or never beat, and one that has not beaten
   * for `silentMs`.
   */
  orphans(by: WriterIdentity, silentMs: number, limit: number): Promise<readonly OrphanCall[]>;
  /** Ends them unless they have ended meanwhile; returns how many. The true end, when it comes after all, wins. */
  close(closings: readonly Closing[]): Promise<number>;
  /** Newest first. */
  recent(query: { readonly limit: number; readonly beforeId?: string }): Promise<readonly LedgerRow[]>;
}

/** A run of a gateway that has ended. */
export interface EndedRun {
  readonly writer: string;
  /** How far the store has its records. */
  readonly seq: number;
  /** Whether it was on the same data folder as the one who asks. */
  readonly isPredecessor: boolean;
}

/** Which calls of a run: whose end is one of its records after `after`, up to `through`, and which began at `from` or later (milliseconds since the Unix epoch). */
export interface RunSpendQuery {
  readonly writer: string;
  readonly after: number;
  readonly through: number;
  readonly from: number;
  /** Ascending moments: calls that began before and after one of them are told apart. */
  readonly marks: readonly number[];
}

/** What calls cost that have all this in common; no name is an empty one. */
export interface RunSpend {
  readonly names: Readonly<Record<'key' | 'user' | 'team' | 'model' | 'server', string>>;
  /** How many of the marks are not after their beginning. */
  readonly passed: number;
  /** US dollars. */
  readonly cost: number;
}

/** What is known of the runs of gateways that write to this store. */
export interface RunQueries {
  /** Those of `writers` that have ended: on the data folder of `by`, in order, or by saying nothing for `silentMs`. */
  ended(by: WriterIdentity, silentMs: number, writers: readonly string[]): Promise<readonly EndedRun[]>;
  spent(query: RunSpendQuery): Promise<readonly RunSpend[]>;
}

/** What was asked or answered, as far as it is kept: without its secrets. */
export interface CallBody {
  readonly callId: string;
  /** Of the call. */
  readonly startedAt: number;
  readonly part: 'request' | 'response';
  /** JSON where all of it is there. */
  readonly content: string;
  /** Length of all of it, as it came. */
  readonly bytes: number;
  /** How much of that was left out. */
  readonly droppedBytes: number;
}

/** Bodies of calls, kept for a shorter time than their records. */
export interface BodyStore {
  /** Idempotent by call and part; all or nothing. */
  append(bodies: readonly CallBody[]): Promise<void>;
  /** Of these calls; of the oldest none, where all of them would have more than `bytesMax`. */
  load(
    calls: readonly { readonly id: string; readonly startedAt: number }[],
    bytesMax: number,
  ): Promise<readonly CallBody[]>;
  /** Removes the days (UTC) that ended before; returns which. */
  dropBefore(ms: number): Promise<readonly string[]>;
}

/** Who answers under the id of a deployment. */
export interface DeploymentRow {
  readonly id: string;
  readonly provider: string;
  readonly model: string;
  /** Address without secrets. */
  readonly apiBase: string;
}

/** The deployments that ledger rows name. */
export interface DeploymentTable {
  save(rows: readonly DeploymentRow[]): Promise<void>;
}

/** Whose use is asked for. A user, a team, a model or a server by its name, a key by its id. */
export type SpendScope = 'key' | 'user' | 'team' | 'model' | 'server';

/** What ended calls used. */
export interface Usage {
  readonly requests: number;
  /** Of them, those whose status is not `ok`. */
  readonly failures: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** US dollars. */
  readonly cost: number;
}

/** By what calls differ. A tool by its server's own name; hour and day in UTC. */
export type UsageDimension =
  | 'hour'
  | 'day'
  | 'kind'
  | 'key'
  | 'user'
  | 'team'
  | 'model'
  | 'deployment'
  | 'server'
  | 'tool';

/** Values of the dimensions asked for: `2026-11-21` for a day, `2026-11-21T13:00:00Z` for an hour, `` for none. */
export type UsageGroup = Readonly<Partial<Record<UsageDimension, string>>>;

export interface UsageRow extends Usage {
  readonly group: UsageGroup;
}

export interface UsageQuery {
  /** Calls that began from here on, to before `to`. Milliseconds since the Unix epoch, not on the hour too. */
  readonly from: number;
  readonly to: number;
  /** Empty: one row of everything. */
  readonly groupBy: readonly UsageDimension[];
  readonly filter?: Readonly<Partial<Record<Exclude<UsageDimension, 'hour' | 'day'>, string>>>;
  /** At most 10,000, which is the default. */
  readonly limit?: number;
  /** The group of the last row of the page before. */
  readonly after?: UsageGroup;
}

/** Calls that are looked for: all that is given must apply. */
export interface CallFilter {
  readonly key?: string;
  readonly user?: string;
  readonly team?: string;
  /** Without it calls only, and not what operators did. `all`: both. */
  readonly kind?: CallStart['kind'] | 'all';
  readonly model?: string;
  readonly server?: string;
  /** The server's own name of the tool, or as the client wrote it. */
  readonly tool?: string;
  /** `open`: not ended. */
  readonly status?: CallStatus | 'open';
  /** Id of the request to a model that caused them. */
  readonly parent?: string;
  /** Of one call. */
  readonly id?: string;
  readonly from?: number;
  readonly to?: number;
}

export interface CallQuery {
  readonly filter?: CallFilter;
  /** At most 10,000. */
  readonly limit: number;
  /** The last row of the page before. */
  readonly before?: { readonly startedAt: number; readonly id: string };
}

/** What calls with a tag of their own used, by tag and key. */
export interface TagUse {
  readonly tag: string;
  readonly key: string;
  readonly requests: number;
  /** US dollars. */
  readonly cost: number;
}

/**
 * What was used, and by which calls. A call counts from its end on, at the moment of its start. Sums are those of the rows whatever
 * happened on the way: ends that came late, calls that were closed as `unknown` first, records that were stored twice.
 */
export interface SpendQueries {
  /** Of calls that began at `sinceMs` (milliseconds since the Unix epoch, not on the hour too) or later. */
  spentSince(scope: SpendScope, id: string, sinceMs: number): Promise<Usage>;
  /** In ascending order of the groups, in the order in which they are named. */
  usage(query: UsageQuery): Promise<readonly UsageRow[]>;
  /** Of calls that began from `from` on and before `to`, and are kept. 100,000 rows at most. */
  byTag(period: { readonly from: number; readonly to: number }): Promise<readonly TagUse[]>;
  /** Newest first. */
  find(query: CallQuery): Promise<readonly LedgerRow[]>;
}
