import type { CallEnd, CallStart } from './call-records.ts';

/** Records of one writer without a gap between them. */
export interface ChainRun {
  readonly writer: string;
  readonly first: number;
  readonly last: number;
  /** Of the last one, hexadecimal. */
  readonly hash: string;
}

/** A statement about a day of the ledger, with the code that proves who made it. */
export interface ManifestRow {
  /** `2026-11-21`. */
  readonly day: string;
  /** Empty: of all. */
  readonly writer: string;
  /** `sealed`: what there was; `dropped`: that it was removed because it was old; `retired`: on that day, that of a writer nothing is left. */
  readonly kind: 'sealed' | 'dropped' | 'retired';
  /** Of several about the same, the highest counts. */
  readonly revision: number;
  /** JSON, as it was signed. */
  readonly body: string;
  readonly keyId: string;
  readonly mac: Buffer;
}

/** A record as its columns say it, with its place in a chain; one without a place or a hash was put there by something else. */
export type ChainedRecord = {
  readonly writer: string | undefined;
  readonly seq: number | undefined;
  readonly hash: Buffer | undefined;
} & (
  | { readonly phase: 'received'; readonly start: CallStart }
  /** `whole`: whether all that an end must have is there, and no number has more digits than were recorded. */
  | { readonly phase: 'ended'; readonly end: CallEnd; readonly whole: boolean }
);

/** A writer as the store knows it. */
export interface WriterRow {
  readonly writer: string;
  readonly keyId: string | undefined;
  readonly seq: number;
  readonly hash: Buffer | undefined;
}

/** The ledger at one moment, for whoever checks it. */
export interface LedgerSnapshot {
  writers(): Promise<readonly WriterRow[]>;
  manifests(): Promise<readonly ManifestRow[]>;
  /** Days that there are (`2026-11-21`), oldest first; `default` holds what belongs to none. */
  days(): Promise<readonly string[]>;
  /** All records of a day in batches, by writer, and of each by place; those without a place first. */
  records(day: string): AsyncIterable<readonly ChainedRecord[]>;
}

/** The ledger by days (UTC): made ahead, sealed, removed, checked. */
export interface LedgerArchive {
  /** Prepares the day of `now` and the three after it. */
  prepareAhead(now: number): Promise<void>;
  /** Records that belong to no day that is there; at most `max` are counted. */
  strays(max: number): Promise<number>;
  /** Oldest first. */
  days(): Promise<readonly string[]>;
  /** Calls of that day that have not ended. */
  openCalls(day: string): Promise<number>;
  /** What the day holds of each chain. */
  runs(day: string): Promise<readonly ChainRun[]>;
  /** Of a day, or of these writers with what is said of all; without either everything. */
  manifests(of?: {
    readonly day?: string;
    readonly writers?: readonly string[];
  }): Promise<readonly ManifestRow[]>;
  saveManifests(rows: readonly ManifestRow[]): Promise<void>;
  /** Removes a day. Rejects when somebody reads it for long. */
  drop(day: string): Promise<void>;
  /** Writers that have ended, or have been silent for a day, and by whom no call is closed that is there; by name, from after `after` on. */
  endedWriters(page: { readonly after: string; readonly limit: number }): Promise<readonly WriterRow[]>;
  /** Removes the row of a writer that has ended and has come no further than `seq`. */
  forgetWriter(writer: string, seq: number): Promise<void>;
  /** Removes sums of hours before this moment; returns how many rows. */
  dropUsage(before: number): Promise<number>;
  /** Reads the ledger as it is at one moment. */
  snapshot<Result>(use: (snapshot: LedgerSnapshot) => Promise<Result>): Promise<Result>;
}
