/** A place in a trace, as it travels with a request (W3C Trace Context, W3C Baggage). */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate: string | undefined;
  readonly baggage: string | undefined;
}

export type SpanKind = 'server' | 'client' | 'internal';

/** What a span says of itself; `undefined` is left out. */
export type SpanAttributes = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>;

export interface SpanStart {
  /** One of few: no text of clients. */
  readonly name: string;
  readonly kind: SpanKind;
  readonly parent: TraceContext | undefined;
  readonly attributes: SpanAttributes;
}

/** One step of a trace, from its start to its end. */
export interface Span {
  /** What those are told who work on it. */
  readonly context: TraceContext | undefined;
  set(attributes: SpanAttributes): void;
  /** Once. `error`: the class of what went wrong, one of few. */
  end(error?: string): void;
}

/** Records steps of traces. */
export interface Tracer {
  /** `false`: nothing is recorded, and nothing needs to be said of a span. */
  readonly isOn: boolean;
  start(start: SpanStart): Span;
}

/** A span that is not recorded: it passes on what its request came with. */
export function passedOn(context: TraceContext | undefined): Span {
  return context === undefined ? NO_SPAN : { context, set() {}, end() {} };
}

const NO_SPAN: Span = { context: undefined, set() {}, end() {} };

/** Records nothing; requests keep the context that they came with. */
export const passingTracer: Tracer = { isOn: false, start: ({ parent }) => passedOn(parent) };

/** Version, trace, parent, flags; later versions may say more behind them (W3C Trace Context, sections 3.2 and 4.1). */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:$|-)/;
const TRACEPARENT_CHARACTERS_MAX = 256;
const PRINTABLE = /^[\x20-\x7e]+$/;
/** Characters that every hop must let through (W3C Trace Context, section 3.3.1.1; W3C Baggage, section 3.3.2). */
const TRACESTATE_CHARACTERS_MAX = 512;
const BAGGAGE_CHARACTERS_MAX = 8_192;

/** Reads the context by the names of its parts; `undefined` when there is none that can be understood. */
export function readTraceContext(part: (name: string) => unknown): TraceContext | undefined {
  const traceparent = part('traceparent');
  if (typeof traceparent !== 'string' || traceparent.length > TRACEPARENT_CHARACTERS_MAX) return undefined;
  if (!TRACEPARENT.test(traceparent)) return undefined;
  const text = (name: string, charactersMax: number): string | undefined => {
    const value = part(name);
    const isUsable = typeof value === 'string' && value.length <= charactersMax && PRINTABLE.test(value);
    return isUsable ? value : undefined;
  };
  return {
    traceparent,
    tracestate: text('tracestate', TRACESTATE_CHARACTERS_MAX),
    baggage: text('baggage', BAGGAGE_CHARACTERS_MAX),
  };
}

/** The parts of a traceparent that can be read. */
export function partsOf({ traceparent }: TraceContext): {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: number;
} {
  const [, traceId = '', spanId = '', flags = '00'] = TRACEPARENT.exec(traceparent) ?? [];
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}

/** The trace's id, for the ledger and the log. */
export function traceIdOf(context: TraceContext | undefined): string | undefined {
  return context === undefined ? undefined : partsOf(context).traceId;
}

/** The context as lines of headers, and as members of `_meta`. */
export function traceLines(context: TraceContext): readonly (readonly [name: string, value: string])[] {
  const { traceparent, tracestate, baggage } = context;
  const lines: [string, string][] = [['traceparent', traceparent]];
  if (tracestate !== undefined) lines.push(['tracestate', tracestate]);
  if (baggage !== undefined) lines.push(['baggage', baggage]);
  return lines;
}
