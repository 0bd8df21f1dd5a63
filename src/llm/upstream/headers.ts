import { type TraceContext, traceLines } from '../../core/trace.ts';
import type { ResponseHead } from '../../net/http-client.ts';
import type { Dropped } from '../conversation/dropped.ts';
import type { FormatName } from '../conversation/format-name.ts';
import type { LlmCall } from '../llm-call.ts';
import type { LlmOutcome } from '../outcome.ts';
import type { Deployment } from '../providers/deployment.ts';
import { dollarsText } from '../usage/money.ts';

/** Headers of the client's that a provider of the same format gets; those of its own family always. */
const PASSED_ON: Readonly<Record<FormatName, RegExp>> = {
  chat: /^(?:openai-|idempotency-key$|x-stainless-helper)/,
  responses: /^(?:openai-|idempotency-key$|x-codex-|session[-_]id$|originator$)/,
  messages: /^(?:anthropic-|idempotency-key$)/,
  gemini: /^(?:x-goog-api-client$|x-goog-user-project$)/,
};
const ANTHROPIC_VERSION = '2023-06-01';
/** Headers of the provider's answer that the client gets. */
const PASSED_BACK =
  /^(?:x-ratelimit-|anthropic-|openai-|retry-after|x-request-id$|request-id$|x-codex-|x-models-etag$|x-reasoning-included$)/;

const ARRAY_HEADERS = { 'content-type': 'application/json' };
const STREAM_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

type Lines = readonly (readonly [string, string])[];

/** What a provider hears of the client's own headers, the version of its API, and the trace that the request belongs to. */
export function requestHeaders(call: LlmCall, format: FormatName, trace: TraceContext | undefined): Lines {
  const lines: [string, string][] = [];
  if (call.route.format === format) {
    const passedOn = PASSED_ON[format];
    for (const name in call.headers) {
      const value = call.headers[name];
      if (typeof value === 'string' && passedOn.test(name)) lines.push([name, value]);
    }
  }
  if (format === 'messages' && !lines.some(([name]) => name === 'anthropic-version'))
    lines.push(['anthropic-version', ANTHROPIC_VERSION]);
  return trace === undefined ? lines : [...lines, ...traceLines(trace)];
}

export interface AnswerHeaderFacts {
  readonly call: LlmCall;
  readonly deployment: Deployment;
  /** What the answer's format could not say. */
  readonly dropped?: Dropped | undefined;
  readonly outcome: LlmOutcome;
  readonly id: string;
  /** Monotonic milliseconds. */
  readonly nowMs: number;
}

/**
 * The headers of the client's answer: LiteLLM's names for what the gateway knows (LiteLLM, "Response Headers"; not `x-litellm-model-api-base`, which would
 * tell where the provider is), and what the provider said of limits and itself, by its own names and by LiteLLM's.
 */
export function answerHeaders(
  head: ResponseHead | undefined,
  { call, deployment, dropped, outcome, id, nowMs }: AnswerHeaderFacts,
): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {
    'x-litellm-call-id': id,
    'x-litellm-model-id': deployment.id,
    'x-litellm-model-group': call.model,
    'x-litellm-attempted-retries': String(Math.max(0, outcome.attempts - 1)),
    'x-litellm-attempted-fallbacks': String(outcome.fallbacks),
  };
  if (call.isStream) {
    const isArray = call.route.framing === 'array' && call.route.format === 'gemini';
    Object.assign(headers, isArray ? ARRAY_HEADERS : STREAM_HEADERS);
  }
  // What a stream costs is not known when it begins; the times are those until then.
  if (!call.isStream && outcome.cost !== undefined)
    headers['x-litellm-response-cost'] = dollarsText(outcome.cost);
  const totalMs = nowMs - outcome.startedMs;
  headers['x-litellm-response-duration-ms'] = milliseconds(totalMs);
  headers['x-litellm-overhead-duration-ms'] = milliseconds(totalMs - (outcome.upstream.ms(nowMs) ?? 0));
  for (const name in head?.headers) {
    const value = head.headers[name];
    if (value === undefined || !PASSED_BACK.test(name)) continue;
    headers[name === 'x-request-id' ? 'x-upstream-request-id' : name] = value;
    headers[`llm_provider-${name}`] = value;
  }
  if (dropped !== undefined && dropped.size > 0) headers['x-lanport-dropped'] = dropped.names.join(',');
  return headers;
}

function milliseconds(ms: number): string {
  return String(Math.max(0, Math.round(ms * 1_000) / 1_000));
}
