/** Counts one thing for one account. Times are monotonic milliseconds; amounts are whole numbers. Nothing waits. */
export interface Meter {
  /** How much of `limit` is free; negative when more was used than it. */
  free(limit: number, nowMs: number): number;
  /** What was used, without what is only reserved. */
  used(nowMs: number): number;
  /** What is reserved for requests in flight, where that is told apart from use. */
  reserved(): number;
  take(amount: number, nowMs: number): void;
  /** What was taken at `atMs` turns out to be `used`. */
  settle(taken: number, used: number, atMs: number, nowMs: number): void;
  /** Time until `amount` is free under `limit`, if nobody takes more; 0 when it is, `undefined` when that will never be. */
  untilFree(amount: number, limit: number, nowMs: number): number | undefined;
  /** Whether forgetting it would change nothing. */
  isIdle(nowMs: number): boolean;
}
