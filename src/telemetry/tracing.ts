import { passingTracer } from '../core/trace.ts';
import type { Sample } from './metrics/family.ts';
import type { TracesConfig } from './telemetry-config.ts';
import type { TraceCounts, Tracing, TracingDeps } from './tracing/tracing-deps.ts';

const NOTHING: TraceCounts = { sent: 0, failed: 0, dropped: 0, waiting: 0 };

/** Tracing as it is configured. What it needs is loaded only when it is. */
export async function openTracing(config: TracesConfig | undefined, deps: TracingDeps): Promise<Tracing> {
  if (config === undefined)
    return { tracer: passingTracer, counts: () => NOTHING, [Symbol.asyncDispose]: () => Promise.resolve() };
  const { openOtlpTracing } = await import('./tracing/otlp.ts');
  return openOtlpTracing(config, deps);
}

/** The counts as samples of one metric. */
export function spanSamples({ sent, failed, dropped }: TraceCounts): Sample[] {
  return Object.entries({ sent, failed, dropped }).map(([result, value]) => ({ labels: { result }, value }));
}
