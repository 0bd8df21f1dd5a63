import type { Cancellation } from '../../core/cancellation.ts';

/** Calls that wait for their turn at one server. */
const WAITING_MAX = 4_096;

interface Waiting {
  readonly admit: () => void;
}

/**
 * Bounds how many calls are under way at one server. Beyond that they wait, each principal in a line of its own, and the lines take
 * turns: whoever sends a thousand calls at once delays himself, not the others.
 */
export class FairGate {
  readonly #max: number;
  readonly #waitingMax: number;
  readonly #lines = new Map<string, Waiting[]>();
  #inside = 0;
  #waiting = 0;
  #paused = 0;

  constructor(max: number, waitingMax: number = WAITING_MAX) {
    this.#max = max;
    this.#waitingMax = waitingMax;
  }

  get inside(): number {
    return this.#inside;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Lets a call in at once when there is room; the caller of `true` must call `leave`. */
  tryEnter(): boolean {
    if (this.#inside - this.#paused >= this.#max) return false;
    this.#inside++;
    return true;
  }

  /** Waits for a turn, at most `timeoutMs`. Resolves with whether the call was let in; `full` when too many wait already. */
  enter(principalId: string, cancellation: Cancellation, timeoutMs: number): Promise<boolean | 'full'> {
    if (this.tryEnter()) return Promise.resolve(true);
    if (this.#waiting >= this.#waitingMax) return Promise.resolve('full');
    return new Promise((resolve) => {
      const line = this.#lines.get(principalId) ?? [];
      this.#lines.set(principalId, line);
      const giveUp = (): void => {
        const at = line.indexOf(waiting);
        if (at < 0) return;
        line.splice(at, 1);
        if (line.length === 0) this.#lines.delete(principalId);
        this.#waiting--;
        done(false);
      };
      const timer = setTimeout(giveUp, timeoutMs);
      const done = (admitted: boolean): void => {
        clearTimeout(timer);
        cancellation.off(giveUp);
        resolve(admitted);
      };
      const waiting: Waiting = { admit: () => done(true) };
      line.push(waiting);
      this.#waiting++;
      cancellation.on(giveUp);
    });
  }

  /** Ends a call that was let in. */
  leave(): void {
    this.#inside--;
    this.#admit();
  }

  /** A call inside waits for a person: another one may have its place. */
  pause(): void {
    this.#paused++;
    this.#admit();
  }

  /** It goes on, be it that there are more inside for a while than there should be. */
  resume(): void {
    this.#paused--;
  }

  /** Lets the next principal's first call in, when there is room. */
  #admit(): void {
    if (this.#lines.size === 0 || !this.tryEnter()) return;
    const next = this.#lines.entries().next();
    if (next.done === true) return;
    const [principalId, line] = next.value;
    const waiting = line.shift()!;
    // To the end of the queue of lines.
    this.#lines.delete(principalId);
    if (line.length > 0) this.#lines.set(principalId, line);
    this.#waiting--;
    waiting.admit();
  }
}
