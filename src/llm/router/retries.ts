import type { FailureKind, LlmFailure } from '../conversation/llm-failure.ts';
import type { RouterConfig } from '../llm-config.ts';
import type { Deployment } from '../providers/deployment.ts';
import type { Verdict } from './router.ts';

const RETRIES = 2;
const BACKOFF_MS = 500;
const BACKOFF_MS_MAX = 8_000;
/** A provider that wants a longer pause is not waited for. */
const RETRY_AFTER_MS_MAX = 60_000;

/** Where the same request may succeed: at the same deployment later, only at another one, or nowhere. */
type Chance = 'here' | 'elsewhere' | 'nowhere';

const CHANCES: Readonly<Record<FailureKind, Chance>> = {
  'rate-limit': 'here',
  overloaded: 'here',
  timeout: 'here',
  cut: 'here',
  unreachable: 'here',
  upstream: 'here',
  quota: 'elsewhere',
  auth: 'elsewhere',
  forbidden: 'elsewhere',
  'not-found': 'elsewhere',
  invalid: 'nowhere',
  'too-large': 'nowhere',
  'context-length': 'nowhere',
  'content-policy': 'nowhere',
  internal: 'nowhere',
};

/** Our own key or address is wrong: the same again would be refused again. */
const CONFIG_CODES: ReadonlySet<string | undefined> = new Set(['upstream_auth', 'upstream_config']);

/** Kinds of failures by LiteLLM's names of them (`router_settings.retry_policy`). */
const POLICY: Readonly<Record<FailureKind, string | undefined>> = {
  invalid: 'BadRequestErrorRetries',
  'too-large': 'BadRequestErrorRetries',
  'context-length': 'BadRequestErrorRetries',
  auth: 'AuthenticationErrorRetries',
  forbidden: 'AuthenticationErrorRetries',
  'not-found': undefined,
  'rate-limit': 'RateLimitErrorRetries',
  quota: 'RateLimitErrorRetries',
  'content-policy': 'ContentPolicyViolationErrorRetries',
  timeout: 'TimeoutErrorRetries',
  overloaded: 'InternalServerErrorRetries',
  cut: 'InternalServerErrorRetries',
  unreachable: 'InternalServerErrorRetries',
  upstream: 'InternalServerErrorRetries',
  internal: undefined,
};

export interface RetryFacts {
  readonly router: Pick<RouterConfig, 'retriesMax' | 'retryPolicy'>;
  /** What the request itself says (`num_retries`). */
  readonly asked: number | undefined;
}

/** Whether and where a request is tried again after so many retries. */
export function chanceAfter(
  failure: LlmFailure,
  deployment: Deployment | undefined,
  retries: number,
  { router, asked }: RetryFacts,
): Chance {
  const policy = router.retryPolicy[policyOf(failure) ?? ''];
  const own = CONFIG_CODES.has(failure.code) ? 'elsewhere' : CHANCES[failure.kind];
  // Who asks for retries of what is hopeless gets them.
  const chance = own === 'nowhere' && policy !== undefined ? 'here' : own;
  const most = asked ?? policy ?? router.retriesMax ?? Math.max(RETRIES, deployment?.config.retriesMax ?? 0);
  return retries < most ? chance : 'nowhere';
}

function policyOf({ kind, code }: LlmFailure): string | undefined {
  return code === 'upstream_auth' ? 'AuthenticationErrorRetries' : POLICY[kind];
}

/** How long to wait before the same deployment is tried again; `undefined`: it is not worth it. `random`: from 0 to 1. */
export function waitMs(retry: number, { retryAfterMs }: LlmFailure, random: number): number | undefined {
  if (retryAfterMs !== undefined) return retryAfterMs > RETRY_AFTER_MS_MAX ? undefined : retryAfterMs;
  return Math.min(BACKOFF_MS * 2 ** retry, BACKOFF_MS_MAX) * (0.75 + random * 0.5);
}

/** What a failure says of its deployment. */
export function verdictOn(failure: LlmFailure, tokens: number): Verdict {
  if (CONFIG_CODES.has(failure.code)) return { kind: 'failed', failure, tokens };
  switch (failure.kind) {
    case 'rate-limit':
    case 'quota':
    case 'overloaded':
    case 'timeout':
    case 'cut':
    case 'unreachable':
    case 'upstream':
      return { kind: 'failed', failure, tokens };
    case 'auth':
    case 'forbidden':
    case 'not-found':
    case 'invalid':
    case 'too-large':
    case 'context-length':
    case 'content-policy':
      return { kind: 'refused' };
    case 'internal':
      return { kind: 'unknown', tokens };
  }
}
