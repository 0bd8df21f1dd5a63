import { withDeadline } from '../core/scope.ts';
import type { AccountEvent, AccountKind, AccountTable, AccountWatching } from '../store/account-ports.ts';
import { AccountIndex } from './account-index.ts';
import { KEYS_MAX } from './key-ring.ts';

/** Keys, users and teams that are held at most, each. */
export const ACCOUNTS_MAX: Readonly<Record<AccountKind, number>> = {
  key: KEYS_MAX,
  user: 100_000,
  team: 100_000,
};
/** How long the start waits for the accounts, in milliseconds; what comes later, is in force later. */
const OPEN_MS = 10_000;
/** After a row could not be read, in milliseconds. */
const RETRY_MS = 1_000;
/** How long one question for what others have changed may take, in milliseconds; somebody waits for two of them at most. */
const CATCH_UP_MS = 1_000;

/** Where it is said what went wrong. */
export interface KeysLog {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

interface Batch {
  all: boolean;
  readonly ids: Readonly<Record<AccountKind, Set<string>>>;
  readonly done: Promise<void>;
}

/**
 * Keeps the index as the store is. Whatever changed is read again, one reading after the other, so that what is read last is what counts, whatever
 * order the news came in.
 */
export class AccountSync implements AsyncDisposable {
  readonly #table: AccountTable;
  readonly #log: KeysLog;
  readonly #changed: () => void;
  #index = new AccountIndex();
  #waiting: Batch | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #watch: AccountWatching | undefined;
  #catching: Promise<void> = Promise.resolve();
  #catchingNext: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;
  #isReading = false;
  /** Whether the last question was not answered in time; it is said once. */
  #isLate = false;
  #isFull = false;

  /** `changed` is called after the index has changed. */
  constructor(table: AccountTable, log: KeysLog, changed: () => void) {
    this.#table = table;
    this.#log = log;
    this.#changed = changed;
  }

  get index(): AccountIndex {
    return this.#index;
  }

  /** Begins to follow the store; resolves when everything is read, or after a while without it. Never rejects. */
  async open(): Promise<void> {
    if (!this.#table.isWritable) return;
    const loaded = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => loaded.resolve(false), OPEN_MS);
    this.#watch = this.#table.watch((event) => {
      this.#hear(event).then(
        () => event.kind === 'all' && loaded.resolve(true),
        () => undefined,
      );
    });
    if (!(await loaded.promise))
      this.#log.warn(
        'the keys of the database are not known yet; until they are, those of the configuration count',
      );
    clearTimeout(timer);
  }

  /** Reads these rows again. Resolves when what they say is in force; rejects when they cannot be read. */
  refresh(kind: AccountKind, ids: Iterable<string>): Promise<void> {
    const batch = this.#batch();
    for (const id of ids) batch.ids[kind].add(id);
    return batch.done;
  }

  /**
   * Resolves when what other processes had changed before the call is in force here, or when that cannot be known soon. Never rejects. However many
   * ask, the store is asked once at a time.
   */
  catchUp(): Promise<void> {
    // Who comes while one is under way needs the next one: that one's question may be older than the change.
    this.#catchingNext ??= this.#catching.then(() => {
      this.#catchingNext = undefined;
      this.#catching = this.#catchUp();
      return this.#catching;
    });
    return this.#catchingNext;
  }

  async #catchUp(): Promise<void> {
    const caughtUp = async (): Promise<void> => {
      await this.#watch?.heard();
      await this.#tail;
    };
    try {
      await withDeadline(caughtUp(), CATCH_UP_MS, 'the database');
      this.#isLate = false;
    } catch (error) {
      if (!this.#isLate)
        this.#log.warn('what other gateways have changed is not known at once', {
          reason: error instanceof Error ? error.message : String(error),
        });
      this.#isLate = true;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#watch?.[Symbol.asyncDispose]();
    await this.#tail;
  }

  #hear(event: AccountEvent): Promise<void> {
    if (event.kind === 'all') {
      const batch = this.#batch();
      batch.all = true;
      return batch.done;
    }
    const { kind, id, version } = event;
    const held = this.#index.get(kind, id)?.version ?? 0;
    const isKnown = version === 0 ? held === 0 : held >= version;
    // What is being read just now may be older than what the event tells of.
    if (isKnown && this.#waiting === undefined && !this.#isReading) return Promise.resolve();
    return this.refresh(kind, [id]);
  }

  #batch(): Batch {
    if (this.#waiting !== undefined) return this.#waiting;
    const done = this.#tail.then(async () => {
      this.#waiting = undefined;
      await this.#read(batch);
    });
    const batch: Batch = { all: false, ids: { key: new Set(), user: new Set(), team: new Set() }, done };
    this.#tail = done.catch((error: unknown) => this.#tryAgain(batch, error));
    this.#waiting = batch;
    return batch;
  }

  async #read(batch: Batch): Promise<void> {
    if (this.#closed) return;
    this.#isReading = true;
    try {
      if (batch.all) await this.#readAll();
      else
        for (const kind of ['team', 'user', 'key'] as const) await this.#readRows(kind, [...batch.ids[kind]]);
    } finally {
      this.#isReading = false;
    }
    this.#changed();
  }

  async #readRows(kind: AccountKind, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    const rows = new Map((await this.#table.load(kind, ids)).map((row) => [row.id, row]));
    for (const id of ids) {
      const row = rows.get(id);
      if (row === undefined) this.#index.drop(kind, id);
      else if (this.#index.get(kind, id) !== undefined || this.#hasRoom(this.#index, kind))
        this.#index.put(row);
    }
  }

  /** Reads everything anew and exchanges it at once, so that a key is never without its team's limits. */
  async #readAll(): Promise<void> {
    const index = new AccountIndex();
    for (const kind of ['team', 'user', 'key'] as const)
      for await (const rows of this.#table.parts(kind))
        for (const row of rows) if (this.#hasRoom(index, kind)) index.put(row);
    this.#index = index;
  }

  #hasRoom(index: AccountIndex, kind: AccountKind): boolean {
    if (index.size(kind) < ACCOUNTS_MAX[kind]) return true;
    if (!this.#isFull)
      this.#log.warn('there are more accounts than are held; the rest are not known here', {
        kind,
        max: ACCOUNTS_MAX[kind],
      });
    this.#isFull = true;
    return false;
  }

  /** What could not be read is still to be read. */
  #tryAgain(batch: Batch, error: unknown): void {
    if (this.#closed) return;
    this.#log.warn('changes of keys could not be read; they will be', {
      reason: error instanceof Error ? error.message : String(error),
    });
    this.#retry = setTimeout(() => {
      const next = this.#batch();
      next.all ||= batch.all;
      for (const kind of ['team', 'user', 'key'] as const)
        for (const id of batch.ids[kind]) next.ids[kind].add(id);
      next.done.catch(() => undefined);
    }, RETRY_MS).unref();
  }
}
