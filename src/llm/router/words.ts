/** Words of `router_settings`, by LiteLLM's names. */

/** Ways to choose among the deployments of a name (`routing_strategy`). */
export const STRATEGIES = [
  'simple-shuffle',
  'least-busy',
  'latency-based-routing',
  'usage-based-routing',
  'usage-based-routing-v2',
  'cost-based-routing',
] as const;

/** Kinds of failures whose retries can be said (`retry_policy`). */
export const RETRY_KINDS: readonly string[] = [
  'BadRequestErrorRetries',
  'AuthenticationErrorRetries',
  'TimeoutErrorRetries',
  'RateLimitErrorRetries',
  'ContentPolicyViolationErrorRetries',
  'InternalServerErrorRetries',
];
