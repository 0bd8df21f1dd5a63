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
  /** Whether there was one. */
  remove(id: string, keyId: string): Promise<boolean>;
  /** Deletes what has expired; returns how many. */
  purge(): Promise<number>;
}

/** What was spent, by the ledger. */
export interface SpendTable {
  /**
   * US dollars of the calls that began since then (milliseconds since the Unix epoch) and belong to an account: all of them, or those of one model by the
   * name that was asked for. Of scope `model` and `server` the id is the name.
   */
  spentSince(
    scope: 'key' | 'user' | 'team' | 'model' | 'server',
    id: string,
    sinceMs: number,
    model?: string,
  ): Promise<number>;
}

/** Random values that belong to this installation, made on first use and then kept (for example the key that seals session ids). */
export interface InstanceSecrets {
  /** The value called `name`; `bytes` random bytes when it did not exist. The same for every process on the same store. */
  getOrCreate(name: string, bytes: number): Promise<Uint8Array>;
}

/** An opened store. Who opened it closes it. */
export interface Store extends AsyncDisposable {
  readonly kind: 'embedded' | 'external' | 'none';
  readonly catalog: CatalogTable;
  readonly toolHistory: ToolHistoryTable;
  readonly responses: ResponseTable;
  readonly ledger: LedgerStore;
  readonly spend: SpendTable;
  readonly secrets: InstanceSecrets;
  /** A round trip to the database, bounded to 2 s; never throws. `detail` is one sentence for the operator, free of secrets. */
  health(): Promise<{ readonly ok: boolean; readonly detail: string }>;
}

/** Who called, as the ledger records it. */
export interface CallStart {
  /** UUID version 7; also the request id that logs and answers carry. */
  readonly id: string;
  /** Milliseconds since the Unix epoch. */
  readonly startedAt: number;
  readonly kind: 'mcp' | 'llm';
  /** JSON-RPC method or LLM route, for example `tools/call`. */
  readonly operation: string;
  readonly keyId: string;
  readonly keyAlias: string | undefined;
  readonly user: string | undefined;
  readonly team: string | undefined;
  readonly address: string;
  /** `name/version` of the client, from `clientInfo` or User-Agent; at most 200 characters. */
  readonly client: string | undefined;
  readonly server: string | undefined;
  /** Tool name as the client wrote it. */
  readonly toolName: string | undefined;
  /** The server's own name of the tool. */
  readonly originalName: string | undefined;
  readonly model: string | undefined;
  readonly decision: 'allowed' | 'denied';
  /** The rule that decided, for example `virtual_keys[0].mcp_servers`. */
  readonly rule: string | undefined;
  readonly bytesIn: number;
  readonly traceId: string | undefined;
  /** Of a call that a model caused: the id of the request to the model. */
  readonly parentId?: string | undefined;
}

export type CallStatus = 'ok' | 'tool-error' | 'error' | 'denied' | 'cancelled' | 'timeout' | 'unknown';

export interface CallEnd {
  readonly id: string;
  readonly endedAt: number;
  readonly status: CallStatus;
  readonly errorCode: string | undefined;
  /** Milliseconds, with fractions: from the request's first byte to the answer's last; and the part spent upstream. */
  readonly totalMs: number;
  readonly upstreamMs: number | undefined;
  readonly bytesOut: number;
  readonly promptTokens: number | undefined;
  readonly completionTokens: number | undefined;
  /** US dollars, with 12 digits after the point at most. */
  readonly cost: number | undefined;
  /** Of a request to a model: the deployment that was asked last, and how often one was asked. */
  readonly deployment?: string | undefined;
  readonly attempts?: number | undefined;
}

/** A record as JSON: what `bytes` holds from `from` to before `to`; and of what it says, the little that is always needed. */
export interface RecordJson {
  /** Of the call. */
  readonly id: string;
  /** When the call began, or ended. Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly bytes: Buffer;
  readonly from: number;
  readonly to: number;
}

/** One record as it is spooled and stored; the writer's sequence orders them. Where its JSON is at hand, it need not be made again. */
export type LedgerRecord = (
  | { readonly phase: 'received'; readonly writer: string; readonly seq: number; readonly start: CallStart }
  | { readonly phase: 'ended'; readonly writer: string; readonly seq: number; readonly end: CallEnd }
) &
  Partial<RecordJson>;

/** A joined row for reading. */
export interface LedgerRow extends CallStart, Partial<Omit<CallEnd, 'id'>> {}

/** Where records end up. `append` is idempotent by (call id, phase) and all or nothing. */
export interface LedgerStore {
  append(records: readonly LedgerRecord[]): Promise<void>;
  /** Newest first. */
  recent(query: { readonly limit: number; readonly beforeId?: string }): Promise<readonly LedgerRow[]>;
  /** Closes every call of these writers that has no end, with status `unknown`; returns how many. Called at start for dead writers. */
  closeOrphans(exceptWriter: string, endedAt: number): Promise<number>;
}
