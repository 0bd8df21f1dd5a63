import { MinuteWindow } from './minute-window.ts';

const WINDOW_MS = 60_000;
/** How fast a deployment is counts for so long. */
const LATENCY_MS_MAX = 300_000;

/** Why a deployment is not asked now. */
export type Rest = 'failures' | 'rate-limit';

/** How a deployment has done lately. */
export class Health {
  readonly #failedAt: number[] = [];
  readonly #requests = new MinuteWindow();
  readonly #tokens = new MinuteWindow();
  #restsUntil = 0;
  #rest: Rest = 'failures';
  /** After too many failures the circuit is open: behind its rest one request is let through, and decides. */
  #isOpen = false;
  #isProbed = false;
  #latencyMs: number | undefined;
  #latencyAt = 0;
  inFlight = 0;

  /** What keeps it from being asked now. */
  restAt(nowMs: number): Rest | undefined {
    return nowMs < this.#restsUntil ? this.#rest : this.#isOpen && this.#isProbed ? 'failures' : undefined;
  }

  /** Whether it failed within the last minute, and has not answered since. */
  hasFailed(nowMs: number): boolean {
    const last = this.#failedAt.at(-1);
    return this.#isOpen || (last !== undefined && nowMs - last <= WINDOW_MS);
  }

  /** Milliseconds until it can be asked again. */
  restMs(nowMs: number): number {
    return Math.max(0, this.#restsUntil - nowMs);
  }

  /** Milliseconds until one more request stays within the bounds of a minute; 0: it does now. */
  fullMs(nowMs: number, requestsMax: number | undefined, tokensMax: number | undefined): number {
    return Math.max(
      requestsMax === undefined ? 0 : this.#requests.freeMs(nowMs, requestsMax),
      tokensMax === undefined ? 0 : this.#tokens.freeMs(nowMs, tokensMax),
    );
  }

  tokensAt(nowMs: number): number {
    return this.#tokens.sum(nowMs);
  }

  requestsAt(nowMs: number): number {
    return this.#requests.sum(nowMs);
  }

  /** Milliseconds to the first content, as a moving average; 0 where it is not known (any more), so that it is found out. */
  latencyAt(nowMs: number): number {
    return nowMs - this.#latencyAt > LATENCY_MS_MAX ? 0 : (this.#latencyMs ?? 0);
  }

  began(nowMs: number): void {
    this.inFlight++;
    this.#requests.add(nowMs, 1);
    if (this.#isOpen) this.#isProbed = true;
  }

  ended(nowMs: number, tokens: number): void {
    this.inFlight--;
    this.#isProbed = false;
    if (tokens > 0) this.#tokens.add(nowMs, tokens);
  }

  /** It answered; `latencyMs`: unless it refused the request, which says nothing of its speed. */
  succeeded(nowMs: number, latencyMs: number | undefined): void {
    this.#failedAt.length = 0;
    this.#isOpen = false;
    if (latencyMs === undefined) return;
    const known = this.latencyAt(nowMs);
    this.#latencyMs = known === 0 ? latencyMs : known * 0.8 + latencyMs * 0.2;
    this.#latencyAt = nowMs;
  }

  /** Counts a failure; beyond `allowed` a minute, and when one was let through to try, it rests. */
  failed(nowMs: number, allowed: number, cooldownMs: number): void {
    const first = this.#failedAt.findIndex((at) => nowMs - at <= WINDOW_MS);
    this.#failedAt.splice(0, first < 0 ? this.#failedAt.length : first);
    this.#failedAt.push(nowMs);
    if (this.#failedAt.length <= allowed && !this.#isOpen) return;
    this.#isOpen = true;
    this.rest(nowMs + cooldownMs, 'failures');
  }

  rest(untilMs: number, why: Rest): void {
    if (untilMs <= this.#restsUntil) return;
    this.#restsUntil = untilMs;
    this.#rest = why;
  }
}
