import type { Counter, Registry } from 'prom-client';
import { type CounterName, type GaugeName, type HistogramName, METRICS } from './catalogue.ts';
import type { Histogram } from './histogram.ts';

/** Label values of one series, by label name; empty values are left out, which means the same to Prometheus. */
export type Labels = Readonly<Record<string, string>>;

/** One number under its labels. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

interface ExposedValue extends Sample {
  readonly metricName?: string;
}

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  get(): Promise<{ name: string; help: string; type: string; values: readonly ExposedValue[] }>;
}

/**
 * Metrics whose numbers are kept elsewhere and are read when somebody asks for them: prom-client, which writes them, would look up each
 * series by its labels at every observation.
 */
export function addFamily(
  registry: Registry,
  name: CounterName | GaugeName,
  read: () => Iterable<Sample> | Promise<Iterable<Sample>>,
): void {
  const { help, type } = METRICS[name];
  register(registry, {
    name,
    help,
    type,
    get: async () => ({
      name,
      help,
      type,
      values: [...(await read())].map(({ labels, value }) => ({ labels: present(labels), value })),
    }),
  });
}

/** The same for histograms. */
export function addHistogramFamily(
  registry: Registry,
  name: HistogramName,
  read: () => Iterable<{ readonly labels: Labels; readonly histogram: Histogram }>,
): void {
  const { help, type } = METRICS[name];
  register(registry, {
    name,
    help,
    type,
    get: async () => ({
      name,
      help,
      type,
      values: [...read()].flatMap(({ labels, histogram }) => seriesOf(name, present(labels), histogram)),
    }),
  });
}

function seriesOf(name: string, labels: Labels, histogram: Histogram): ExposedValue[] {
  const { buckets, sum, count } = histogram.read();
  return [
    ...buckets.map(([le, value]) => ({ metricName: `${name}_bucket`, labels: { ...labels, le }, value })),
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}

function present(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ''));
}

/** prom-client asks a metric for `name` and `get` alone; its types know only its own classes. */
function register(registry: Registry, family: Family): void {
  registry.registerMetric(family as unknown as Counter);
}
