import { collectDefaultMetrics, Registry } from 'prom-client';
import { CallMetrics } from './call-metrics.ts';
import { exposeLitellmNames } from './litellm-metrics.ts';
import { EventLoopMetrics } from './metrics/event-loop.ts';
import type { CounterName, GaugeName } from './metrics/catalogue.ts';
import { addFamily, type Sample } from './metrics/family.ts';

export type { CounterName, GaugeName } from './metrics/catalogue.ts';
export type { Sample } from './metrics/family.ts';

/** What is measured otherwise here, and gauges that have the names of counters. */
const LEFT_OUT = /^nodejs_(?:eventloop_lag_|active_\w+_total$)/;
/** The library's own look at the event loop, which is not exposed, shall wake nobody. */
const NEVER_MS = 2 ** 31 - 1;

/** Everything that is measured in this process, in the text format of Prometheus. */
export class Metrics implements Disposable {
  readonly calls = new CallMetrics();
  readonly contentType: string;
  readonly #registry = new Registry();
  readonly #eventLoop: EventLoopMetrics;
  readonly #refusals = new Map<string, number>();

  constructor(version: string) {
    this.contentType = this.#registry.contentType;
    // The process: its memory, descriptors, garbage collection.
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: NEVER_MS });
    for (const { name } of this.#registry.getMetricsAsArray())
      if (LEFT_OUT.test(name)) this.#registry.removeSingleMetric(name);
    this.#eventLoop = new EventLoopMetrics(this.#registry);
    this.calls.expose(this.#registry);
    exposeLitellmNames(this.#registry, this.calls);
    this.gauge('lanport_build_info', () => [{ labels: { version, node: process.version }, value: 1 }]);
    this.counter('lanport_refused_requests_total', () =>
      [...this.#refusals].map(([code, value]) => ({ labels: { code }, value })),
    );
  }

  /** Counts a request that was refused; `code` is one of the error table's. */
  refused(code: string): void {
    this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1);
  }

  /** Adds a value that is read when somebody asks for it. */
  gauge(name: GaugeName, read: () => Iterable<Sample> | Promise<Iterable<Sample>>): void {
    addFamily(this.#registry, name, read);
  }

  /** The same for a value that only grows. */
  counter(name: CounterName, read: () => Iterable<Sample>): void {
    addFamily(this.#registry, name, read);
  }

  [Symbol.dispose](): void {
    this.#eventLoop[Symbol.dispose]();
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
