import type { Agent as HttpAgent } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import type { Tracer } from '../../core/trace.ts';
import type { Log } from '../log.ts';

/** Spans since the start, by what became of them. */
export interface TraceCounts {
  readonly sent: number;
  /** Given up, because the collector did not take them. */
  readonly failed: number;
  /** Never queued, because too many waited. */
  readonly dropped: number;
  readonly waiting: number;
}

/** Records spans and sends them away. */
export interface Tracing extends AsyncDisposable {
  readonly tracer: Tracer;
  counts(): TraceCounts;
}

export interface TracingDeps {
  readonly version: string;
  readonly log: Log;
  /** Takes secrets out of names and attributes. */
  readonly redact: (text: string) => string;
  /** Makes what sockets to the collector are opened with; who made it closes it. */
  readonly agentFor: (protocol: string) => HttpAgent | HttpsAgent;
}
