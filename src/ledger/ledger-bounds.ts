import { BOUNDS } from '../core/bounds.ts';

/** Everything that the ledger holds or waits for. */
export interface LedgerBounds {
  /** Records that wait in memory for the store; more wait on the disk alone. */
  readonly memoryRowsMax: number;
  /** Size of the spool from which on calls are refused. */
  readonly diskBytesMax: number;
  /** Size from which on a new file is begun at the latest; at most an eighth of the spool is used. */
  readonly segmentBytes: number;
  /** Longest that the disk may take for one write. */
  readonly writeMs: number;
  /** Longest that the store may take for one batch. */
  readonly appendMs: number;
  /** Longest that the start waits for the store to take what earlier runs left; it goes on in the background. */
  readonly replayMs: number;
  /** Longest that closing waits for the store; what is left then waits in the spool for the next start. */
  readonly closeMs: number;
  /** How often a writer says in the store that it lives. */
  readonly beatMs: number;
  /** Silence after which its calls are closed by others. */
  readonly silentMs: number;
}

/** The default bounds. */
export const LEDGER_BOUNDS: LedgerBounds = {
  memoryRowsMax: BOUNDS.ledgerMemoryRowsMax,
  diskBytesMax: BOUNDS.ledgerDiskBytesMax,
  segmentBytes: 8 * 1024 * 1024,
  writeMs: 10_000,
  appendMs: 30_000,
  replayMs: 5_000,
  closeMs: 5_000,
  beatMs: 10_000,
  silentMs: 60_000,
};
