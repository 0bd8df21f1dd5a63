import type { CallEnd, CallStart } from '../store/call-records.ts';
import type { WriterIdentity } from '../store/store-ports.ts';

export type { CallBody, CallFilter, SpendQueries, UsageDimension, UsageRow } from '../store/store-ports.ts';
export type { CallEnd, CallStart, CallStatus, LedgerRow } from '../store/call-records.ts';

/** What the gateway sees of the ledger. */
export interface Ledger extends AsyncDisposable {
  /** Resolves when the record is durable; rejects with GatewayError `ledger-unavailable` when it cannot be made so. */
  begin(start: CallStart): Promise<void>;
  /** Every begun call is ended exactly once; a second end of one id is ignored and counted. Never throws, never waits. */
  end(end: CallEnd): void;
  /** Counts for health and metrics. */
  stats(): LedgerStats;
  /** Resolves when everything recorded so far is in the store; while the store is away it waits until `signal` is aborted. */
  flush(signal?: AbortSignal): Promise<void>;
}

/** The run of a gateway that a ledger is kept by. */
export interface LedgerRun {
  readonly identity: WriterIdentity;
  /** Number of its newest record. A call's end has its number as soon as `end` has returned. */
  readonly position: number;
  /** Whether it has been heard by the store for so long that the silence of others says something. */
  readonly isSteady: boolean;
}

/** Counts since the start. */
export interface LedgerStats {
  /** Calls whose start is durable. */
  readonly begun: number;
  /** Calls that were ended. */
  readonly ended: number;
  /** Records (starts and ends) of this run that the store has. */
  readonly stored: number;
  /** Size of the spool. */
  readonly spooledBytes: number;
  /** Records that the store will never have: refused by it and kept in `refused.jsonl`, or ends that could be written nowhere. */
  readonly dropped: number;
  /** Calls that were begun and not ended. */
  readonly open: number;
  /** Ends that were ignored, because their call was not open. */
  readonly ignoredEnds: number;
  /** Calls that were not made, because they could not be recorded. */
  readonly refusedCalls: number;
  /** Failures of the store in a row. */
  readonly storeFailures: number;
}
