/** A transaction on the server: its process, and when it began, in seconds, as the server prints it. */
export interface Transaction {
  readonly processId: number;
  readonly began: string;
}

/** Statements that were given up here and still run on the server; beyond it nothing more is begun. */
const RUNAWAYS_MAX = 2;

/** Gives the process numbers of those of these transactions that still run; $1 processes, $2 when each began. */
export const STILL_RUNNING = `
  SELECT a.pid FROM ROWS FROM (pg_catalog.unnest($1::int4[]), pg_catalog.unnest($2::text[])) AS t(pid, began)
  JOIN pg_catalog.pg_stat_activity AS a ON a.pid = t.pid AND EXTRACT(epoch FROM a.xact_start)::text = t.began`;

/** Cancels what transaction $2 of process $1 does; nothing when that is over, and the process serves another call. */
export const CANCEL = `
  SELECT pg_catalog.pg_cancel_backend(a.pid) FROM pg_catalog.pg_stat_activity AS a
  WHERE a.pid = $1 AND EXTRACT(epoch FROM a.xact_start)::text = $2`;

/**
 * Some work inside PostgreSQL does not listen: a search in a long text, an XPath, a comparison of polygons go on after their timeout, a
 * cancellation and the end of their connection, until they are done. Nobody but the server's operator can end them. Remembered here, so that
 * one after the other does not take all of the server's processors.
 */
export class Runaways {
  #known: readonly Transaction[] = [];

  /** Of a transaction whose connection was cut while a statement ran. */
  add(transaction: Transaction): void {
    this.#known = [...this.#known, transaction];
  }

  /** Why nothing may be begun now, or `undefined`. `stillRunning` answers STILL_RUNNING; asked only while there is something to ask about. */
  async refusal(
    stillRunning: (transactions: readonly Transaction[]) => Promise<readonly number[]>,
  ): Promise<string | undefined> {
    if (this.#known.length < RUNAWAYS_MAX) return undefined;
    const asked = this.#known;
    const running = new Set(await stillRunning(asked));
    this.#known = this.#known.filter((one) => !asked.includes(one) || running.has(one.processId));
    if (this.#known.length < RUNAWAYS_MAX) return undefined;
    const processes = this.#known.map((one) => one.processId).join(', ');
    return `${this.#known.length} earlier statements were stopped here, but the server still works on them and does not listen (server processes ${processes}); new ones have to wait until they end`;
  }
}
