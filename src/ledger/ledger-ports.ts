import type { CallEnd, CallStart } from '../store/store-ports.ts';

export type { CallEnd, CallStart, CallStatus, LedgerRow } from '../store/store-ports.ts';

/** What the gateway sees of the ledger. */
export interface Ledger extends AsyncDisposable {
  /** Resolves when the record is durable; rejects with GatewayError `ledger-unavailable` when it cannot be made so. */
  begin(start: CallStart): Promise<void>;
  /** Every begun call is ended exactly once; a second end of one id is ignored and counted. Never throws, never waits. */
  end(end: CallEnd): void;
  /** Counts for health and metrics. */
  stats(): { readonly begun: number; readonly ended: number; readonly stored: number; readonly spooledBytes: number; readonly dropped: number };
  /** Resolves when everything recorded so far is in the store. */
  flush(signal?: AbortSignal): Promise<void>;
}
