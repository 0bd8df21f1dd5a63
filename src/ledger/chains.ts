import type { ChainTip, LedgerStore, WriterIdentity } from '../store/store-ports.ts';
import { type ChainKey, genesis, linkCode } from './chain-key.ts';
import type { SpooledRecord } from './spooled-record.ts';

/** Records with their places in the chains, and where those end then. */
export interface LinkedBatch {
  readonly records: readonly SpooledRecord[];
  readonly tips: readonly ChainTip[];
}

interface End {
  readonly seq: number;
  /** In hexadecimal. */
  readonly hash: string;
}

/** The chains that one process lengthens: that of its own records, and those of earlier runs whose spool it stores. */
export class Chains {
  readonly #store: LedgerStore;
  readonly #identity: WriterIdentity;
  readonly #key: ChainKey;
  /** As the store has them. */
  readonly #ends = new Map<string, End>();

  constructor(store: LedgerStore, identity: WriterIdentity, key: ChainKey) {
    this.#store = store;
    this.#identity = identity;
    this.#key = key;
    this.#ends.set(identity.writer, { seq: 0, hash: genesis(key, identity.writer).toString('hex') });
  }

  /** Of these records, in their order, those that the store does not have yet, linked. Nothing is final before `commit`. */
  async link(batch: readonly SpooledRecord[]): Promise<LinkedBatch> {
    if (!this.#store.isChained) return { records: batch, tips: [] };
    const ends = new Map<string, End>();
    const records: SpooledRecord[] = [];
    for (const record of batch) {
      const { writer, seq, bytes, from, to } = record;
      const end = ends.get(writer) ?? (await this.#endOf(writer));
      // Where the chain of an earlier run ends is told even when nothing is added to it: that run may not have lived to note it.
      ends.set(writer, end);
      if (seq <= end.seq) continue;
      record.hash = linkCode(this.#key, end.hash, bytes.subarray(from, to));
      ends.set(writer, { seq, hash: record.hash });
      records.push(record);
    }
    const { home, id: keyId } = { home: this.#identity.home, id: this.#key.id };
    const known = [...ends].filter(([, { seq }]) => seq > 0);
    return {
      records,
      tips: known.map(([writer, { seq, hash }]) => ({
        writer,
        home,
        keyId,
        seq,
        hash: Buffer.from(hash, 'hex'),
      })),
    };
  }

  /** The store has them. */
  commit(tips: readonly ChainTip[]): void {
    for (const { writer, seq, hash } of tips) this.#ends.set(writer, { seq, hash: hash.toString('hex') });
  }

  async #endOf(writer: string): Promise<End> {
    const known = this.#ends.get(writer);
    if (known !== undefined) return known;
    const { seq, hash } = (await this.#store.tip(writer)) ?? { seq: 0, hash: genesis(this.#key, writer) };
    const end = { seq, hash: hash.toString('hex') };
    this.#ends.set(writer, end);
    return end;
  }
}
