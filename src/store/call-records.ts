/** Who called, as the ledger records it. */
export interface CallStart {
  /** UUID version 7; also the request id that logs and answers carry. */
  readonly id: string;
  /** Milliseconds since the Unix epoch. */
  readonly startedAt: number;
  /** `admin`: something that an operator did. */
  readonly kind: 'mcp' | 'llm' | 'admin';
  /** JSON-RPC method, LLM route or operation, for example `tools/call`. */
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
  /** Keyed code of the arguments or the body: equal for equal ones. */
  readonly digest?: string | undefined;
  /** Of a request to a model, as its client says: whom it is for, which conversation it belongs to, and a JSON array of its tags. */
  readonly endUser?: string | undefined;
  readonly session?: string | undefined;
  readonly tags?: string | undefined;
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
  /** Of a streamed answer: milliseconds from the start to the first content. */
  readonly firstMs?: number | undefined;
  /** What an operator did: JSON without secrets. */
  readonly details?: string | undefined;
  /** Whether the tokens are in part an estimate, because a provider did not tell them. */
  readonly tokensEstimated?: boolean | undefined;
}

/** A record whose JSON is at hand; and of what it says, the little that is always needed. */
export interface RecordJson {
  readonly writer: string;
  readonly seq: number;
  /** Its place in the chain of its writer, in hexadecimal. */
  readonly hash?: string | undefined;
  /** Of the call. */
  readonly id: string;
  /** When the call began, or ended. Milliseconds since the Unix epoch. */
  readonly at: number;
  /** All of it as JSON is what `bytes` holds from `from` to before `to`; the fields of its start or end, without the braces around them, are part of that. */
  readonly bytes: Buffer;
  readonly from: number;
  readonly to: number;
  readonly fieldsFrom: number;
  readonly fieldsTo: number;
}

/** One record as it is spooled and stored; the writer's sequence orders them. Where its JSON is at hand, it need not be made again. */
export type LedgerRecord = (
  | { readonly phase: 'received'; readonly writer: string; readonly seq: number; readonly start: CallStart }
  | { readonly phase: 'ended'; readonly writer: string; readonly seq: number; readonly end: CallEnd }
) &
  Partial<RecordJson>;

/** A joined row for reading. */
export interface LedgerRow extends CallStart, Partial<Omit<CallEnd, 'id'>> {}
