import {
  createTraceState,
  ROOT_CONTEXT,
  SpanKind as OtelKind,
  type Span as OtelSpan,
  SpanStatusCode,
  trace,
  type Tracer as OtelTracer,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { ParentBasedSampler, TraceIdRatioBasedSampler, TracerProvider } from '@opentelemetry/sdk-trace';
import {
  partsOf,
  type Span,
  type SpanAttributes,
  type SpanStart,
  type TraceContext,
  type Tracer,
} from '../../core/trace.ts';
import type { TracesConfig } from '../telemetry-config.ts';
import type { Tracing, TracingDeps } from './tracing-deps.ts';
import { SpanQueue } from './span-queue.ts';

/** One message to the collector; it is sent again by the queue, not by the exporter. */
const EXPORT_MS = 2_000;
const ATTRIBUTES_MAX = 64;
const ATTRIBUTE_CHARACTERS_MAX = 256;
const KINDS = { server: OtelKind.SERVER, client: OtelKind.CLIENT, internal: OtelKind.INTERNAL } as const;

/** Traces by OpenTelemetry's library, sent as OTLP over HTTP in JSON. */
export function openOtlpTracing(
  config: TracesConfig,
  { version, log, redact, agentFor }: TracingDeps,
): Tracing {
  const headers = Object.fromEntries(
    Object.entries(config.headers).map(([name, value]) => [name, value.reveal()]),
  );
  const exporter = new OTLPTraceExporter({
    url: config.url,
    headers,
    timeoutMillis: EXPORT_MS,
    concurrencyLimit: 1,
    httpAgentOptions: agentFor,
  });
  const queue = new SpanQueue(exporter, log);
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': config.serviceName, 'service.version': version }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(config.sampleRatio) }),
    spanLimits: { attributeCountLimit: ATTRIBUTES_MAX, attributeValueLengthLimit: ATTRIBUTE_CHARACTERS_MAX },
    spanProcessors: [queue],
  });
  return {
    tracer: new OtlpTracer(provider.getTracer('lanport', version), redact),
    counts: () => queue.counts(),
    [Symbol.asyncDispose]: async () => {
      await provider.shutdown();
      await exporter.shutdown();
    },
  };
}

class OtlpTracer implements Tracer {
  readonly isOn = true;
  readonly #tracer: OtelTracer;
  readonly #redact: Redact;

  constructor(tracer: OtelTracer, redact: Redact) {
    this.#tracer = tracer;
    this.#redact = redact;
  }

  start({ name, kind, parent, attributes }: SpanStart): Span {
    const context = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote(parent));
    const span = this.#tracer.startSpan(
      this.#redact(name),
      { kind: KINDS[kind], attributes: given(attributes, this.#redact) },
      context,
    );
    return new OtlpSpan(span, parent, this.#redact);
  }
}

class OtlpSpan implements Span {
  readonly context: TraceContext;
  readonly #span: OtelSpan;
  readonly #redact: Redact;

  constructor(span: OtelSpan, parent: TraceContext | undefined, redact: Redact) {
    this.#span = span;
    this.#redact = redact;
    const { traceId, spanId, traceFlags } = span.spanContext();
    this.context = {
      traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`,
      tracestate: parent?.tracestate,
      baggage: parent?.baggage,
    };
  }

  set(attributes: SpanAttributes): void {
    this.#span.setAttributes(given(attributes, this.#redact));
  }

  end(error?: string): void {
    if (error !== undefined) {
      this.#span.setAttribute('error.type', this.#redact(error));
      this.#span.setStatus({ code: SpanStatusCode.ERROR });
    }
    this.#span.end();
  }
}

function remote(parent: TraceContext): Parameters<typeof trace.setSpanContext>[1] {
  const { traceId, spanId, flags } = partsOf(parent);
  const { tracestate } = parent;
  return {
    traceId,
    spanId,
    traceFlags: flags,
    isRemote: true,
    ...(tracestate === undefined ? {} : { traceState: createTraceState(tracestate) }),
  };
}

type Redact = (text: string) => string;

function given(
  attributes: SpanAttributes,
  redact: Redact,
): Record<string, string | number | boolean | string[]> {
  const said: Record<string, string | number | boolean | string[]> = {};
  for (const name in attributes) {
    const value = attributes[name];
    if (typeof value === 'string') said[name] = redact(value);
    else if (value !== undefined) said[name] = typeof value === 'object' ? value.map(redact) : value;
  }
  return said;
}
