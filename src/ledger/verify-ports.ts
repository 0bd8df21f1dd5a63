/** What a check of the ledger can find. */
export type FindingKind =
  /** A record is not what was recorded. */
  | 'changed'
  /** Records are gone. */
  | 'missing'
  /** A record was never written by the ledger. */
  | 'inserted'
  /** A record stands in another one's place. */
  | 'reordered'
  /** The note in the database of how far a writer has come is not true. */
  | 'tip'
  /** A manifest of a day was changed, or is gone from the database. */
  | 'manifest'
  /** Records may be gone; the key that would tell is not at hand. */
  | 'gap';

export interface Finding {
  readonly kind: FindingKind;
  /** `undefined` where the row does not say whose it is. */
  readonly writer: string | undefined;
  /** Place in the chain of the writer; of several records that are gone, the first and the last. */
  readonly seq: number | undefined;
  readonly through?: number;
  /** Of the call. */
  readonly id: string | undefined;
  readonly day: string | undefined;
  readonly detail: string;
}

/** What a check of the ledger has shown. */
export interface Verification {
  readonly records: number;
  readonly calls: number;
  readonly writers: number;
  readonly days: number;
  /** Days whose removal is signed. */
  readonly daysDropped: number;
  /** The first ones; `findingsCount` counts all. */
  readonly findings: readonly Finding[];
  readonly findingsCount: number;
  /** Calls from before the first chain: nothing can be said about them. */
  readonly unchained: number;
  /** Writers whose key is not at hand: of them only the numbering was checked. */
  readonly withoutKey: readonly string[];
  /** Writers without a note in this data folder: that records were cut off their end would only show in the database. */
  readonly withoutAnchor: readonly string[];
}
