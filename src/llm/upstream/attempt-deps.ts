import type { Clock } from '../../core/clock.ts';
import type { HttpClient } from '../../net/http-client.ts';
import type { FormatName } from '../conversation/format-name.ts';
import { clientGone, type LlmFailure } from '../conversation/llm-failure.ts';
import type { LlmCall } from '../llm-call.ts';
import type { RouterConfig } from '../llm-config.ts';
import type { AnswerSink } from '../llm-ports.ts';
import type { Deployment } from '../providers/deployment.ts';
import type { PriceBook } from '../usage/price-book.ts';
import type { Prepared } from './prepared.ts';
import type { ProviderTimeouts } from './provider-request.ts';

export interface AttemptDeps {
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly bounds: { readonly keepAliveMs: number; readonly upstreamResponseBytesMax: number };
  /** Of the request. */
  readonly id: string;
  /** Of who asks. */
  readonly keyId: string;
  readonly router: RouterConfig;
  readonly prices: PriceBook;
  readonly prepared: Prepared;
  readonly requestTimeoutMs: number | undefined;
}

const CONNECT_MS = 10_000;
/** Asks one deployment for something whole. `undefined`: the client was answered. A failure: nothing was written. */
export type Attempt = (deployment: Deployment) => Promise<LlmFailure | undefined>;

const TOTAL_MS = 600_000;
const IDLE_MS = 300_000;

/** The client's own format where the provider speaks it, else the one that the provider says most in. */
export function formatFor({ formats }: Deployment, wanted: FormatName): FormatName {
  return formats.includes(wanted) ? wanted : formats[0]!;
}

export function timeoutsFor(call: LlmCall, { config }: Deployment, deps: AttemptDeps): ProviderTimeouts {
  const totalMs = config.timeoutMs ?? deps.router.timeoutMs ?? deps.requestTimeoutMs ?? TOTAL_MS;
  const firstMs = call.isStream
    ? (config.streamTimeoutMs ?? deps.router.streamTimeoutMs ?? totalMs)
    : totalMs;
  return {
    connectMs: config.connectTimeoutMs ?? CONNECT_MS,
    firstByteMs: firstMs,
    idleMs: config.idleTimeoutMs ?? Math.min(IDLE_MS, totalMs),
    totalMs,
  };
}

/** Calls `listener` when the client goes away; returns the way to forget it. */
export function onGone(out: AnswerSink, listener: (failure: LlmFailure) => void): () => void {
  return out.onGone(() => listener(clientGone()));
}
