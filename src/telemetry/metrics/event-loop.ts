import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Registry } from 'prom-client';
import { addFamily } from './family.ts';

const RESOLUTION_MS = 20;
/** How long one look at the event loop lasts; what is exposed is the last one that is complete. */
const WINDOW_MS = 10_000;

/** Seconds. */
interface Lag {
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * How late the event loop is, under the names that Node.js dashboards know. Looked at in windows of its own, so that it does not matter who
 * asks how often.
 */
export class EventLoopMetrics implements Disposable {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #timer: NodeJS.Timeout;
  #last: Lag | undefined;

  constructor(registry: Registry) {
    this.#histogram.enable();
    this.#timer = setInterval(() => {
      this.#last = readLag(this.#histogram);
      this.#histogram.reset();
    }, WINDOW_MS).unref();
    for (const name of ['mean', 'p50', 'p90', 'p99', 'max'] as const)
      addFamily(registry, `nodejs_eventloop_lag_${name}_seconds`, () => [
        { labels: {}, value: (this.#last ?? readLag(this.#histogram))[name] },
      ]);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#histogram.disable();
  }
}

/** A delay is counted from one look to the next, which is never less than what lies between two. */
function readLag(histogram: ReturnType<typeof monitorEventLoopDelay>): Lag {
  const late = (ns: number): number =>
    histogram.count === 0 ? 0 : Math.max(0, ns / 1e9 - RESOLUTION_MS / 1_000);
  return {
    mean: late(histogram.mean),
    p50: late(histogram.percentile(50)),
    p90: late(histogram.percentile(90)),
    p99: late(histogram.percentile(99)),
    max: late(histogram.max),
  };
}
