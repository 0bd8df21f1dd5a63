import { z } from 'zod';
import type { Secret } from '../core/secret.ts';
import { type ConfigReport, duration, inertShape, secretText, setting } from '../core/setting.ts';
import { type ModelConfig, type modelListSchema, toModel } from './model-config.ts';
import { RETRY_KINDS, STRATEGIES } from './router/words.ts';

/** How deployments are chosen, retried and replaced. */
export interface RouterConfig {
  readonly strategy: string;
  readonly retriesMax: number | undefined;
  readonly retryPolicy: Readonly<Record<string, number>>;
  readonly timeoutMs: number | undefined;
  readonly streamTimeoutMs: number | undefined;
  readonly allowedFails: number | undefined;
  readonly cooldownMs: number | undefined;
  readonly fallbacks: Readonly<Record<string, readonly string[]>>;
  readonly contextWindowFallbacks: Readonly<Record<string, readonly string[]>>;
  readonly contentPolicyFallbacks: Readonly<Record<string, readonly string[]>>;
  readonly defaultFallbacks: readonly string[];
  readonly groupAliases: Readonly<Record<string, string>>;
  readonly redis: {
    readonly host: string | undefined;
    readonly port: number | undefined;
    readonly password: Secret | undefined;
  };
}

export interface LlmConfig {
  readonly models: readonly ModelConfig[];
  readonly router: RouterConfig;
  readonly requestTimeoutMs: number | undefined;
  /** Leave out parameters that a provider does not know, instead of refusing them. */
  readonly dropParams: boolean;
  /** Offers each model to Claude Code's discovery under a name that it keeps. */
  readonly claudeDiscovery: boolean;
}

const fallbackList = z.array(z.record(z.string(), z.array(z.string())));
/** Keys of `litellm_settings` that belong to the model API. */
export const llmLitellmShape = {
  request_timeout: setting(
    duration('s').optional(),
    'Time for a whole answer of a model; a bare number counts seconds.',
  ),
  drop_params: setting(
    z.boolean().default(false),
    'When a provider refuses a parameter, ask again without it; it is named in the header x-lanport-dropped, as is all that a provider cannot be told.',
  ),
  default_fallbacks: setting(z.array(z.string()).default([]), 'Models to use when any other fails.'),
  context_window_fallbacks: setting(
    fallbackList.default([]),
    'Models to use when a request is too long for one.',
  ),
  content_policy_fallbacks: setting(
    fallbackList.default([]),
    'Models to use when a provider refuses the content.',
  ),
  fallbacks: setting(
    fallbackList.optional(),
    'Models to use when one fails. Also accepted under router_settings.',
  ),
  num_retries: setting(
    z.int().min(0).optional(),
    'Retries of a failed request. Also accepted under router_settings.',
  ),
  allowed_fails: setting(
    z.int().min(0).optional(),
    'Failures a minute before a deployment rests. Also accepted under router_settings.',
  ),
  cooldown_time: setting(
    duration('s').optional(),
    'How long a failing deployment rests. Also accepted under router_settings.',
  ),
  claude_code_discovery: setting(
    z.boolean().default(false),
    'Lists each model for Claude Code under a name that its discovery keeps: claude-via-<name>. Names that say claude or anthropic stay as they are.',
  ),
};

/** Section `router_settings`. */
export const routerSchema = z.strictObject({
  routing_strategy: setting(
    z.string().default('simple-shuffle'),
    'How a deployment is chosen among those of one name: simple-shuffle (by weight, else by rpm or tpm), least-busy, latency-based-routing, usage-based-routing (fewest tokens of the last minute) or cost-based-routing.',
  ),
  num_retries: setting(z.int().min(0).optional(), 'Retries of a failed request.'),
  retry_policy: setting(
    z.record(z.string(), z.int().min(0)).default({}),
    `Retries by kind of failure, in place of num_retries: ${RETRY_KINDS.join(', ')}.`,
  ),
  timeout: setting(duration('s').optional(), 'Time for a whole answer; a bare number counts seconds.'),
  stream_timeout: setting(duration('s').optional(), 'Time for the first event of a streamed answer.'),
  allowed_fails: setting(z.int().min(0).optional(), 'Failures a minute before a deployment rests.'),
  cooldown_time: setting(
    duration('s').optional(),
    'How long a failing deployment rests; a bare number counts seconds.',
  ),
  fallbacks: setting(
    fallbackList.default([]),
    'Models to use when one fails: a list of {name: [other names]}.',
  ),
  context_window_fallbacks: setting(
    fallbackList.default([]),
    'Models to use when a request is too long for one.',
  ),
  content_policy_fallbacks: setting(
    fallbackList.default([]),
    'Models to use when a provider refuses the content.',
  ),
  model_group_alias: setting(
    z
      .record(
        z.string(),
        z.union([z.string(), z.looseObject({ model: z.string() })], { error: 'must be the name of a model' }),
      )
      .default({}),
    'Further names of models.',
  ),
  redis_host: setting(
    z.string().optional(),
    'Redis or Valkey through which several gateways count limits together, as general_settings.redis_url.',
  ),
  redis_port: setting(
    z.union([z.int(), z.string().regex(/^\d+$/)], { error: 'must be a port number' }).optional(),
    'Its port (6379).',
  ),
  redis_password: setting(secretText().optional(), 'Its password.'),
  ...inertShape([
    'redis_db',
    'redis_username',
    'redis_ssl',
    'allowed_fails_policy',
    'disable_cooldowns',
    'enable_pre_call_checks',
    'enable_pre_call_check',
    'enable_tag_filtering',
    'tag_filtering_match_any',
    'default_max_parallel_requests',
    'default_priority',
    'default_litellm_params',
    'polling_interval',
    'max_fallbacks',
    'retry_after',
    'debug_level',
    'set_verbose',
    'client_ttl',
    'cache_kwargs',
    'cache_responses',
    'caching_groups',
    'routing_strategy_args',
    'model_group_retry_policy',
    'provider_budget_config',
    'alerting_config',
    'optional_pre_call_checks',
    'router_general_settings',
    'ignore_invalid_deployments',
    'assistants_config',
    'search_tools',
    'guardrail_list',
    'health_check_interval',
    'enable_health_check_routing',
    'deployment_affinity_ttl_seconds',
  ]),
});

type Fallbacks = z.output<typeof fallbackList>;

export interface LlmInput {
  readonly models: z.output<typeof modelListSchema>;
  readonly router: z.output<typeof routerSchema>;
  readonly settings: z.output<z.ZodObject<typeof llmLitellmShape>>;
  /** The value of a variable of the environment. */
  readonly keyFrom: (variable: string) => string | undefined;
}

/** The model API's slice. */
export function resolveLlm(
  { models: entries, router, settings, keyFrom }: LlmInput,
  report: ConfigReport,
): LlmConfig {
  const models = entries.map((entry, index) => toModel(entry, index, report, keyFrom));
  checkRouting(router, report);
  const fallbacks = router.fallbacks.length > 0 ? router.fallbacks : (settings.fallbacks ?? []);
  return {
    models,
    router: {
      strategy: router.routing_strategy,
      retriesMax: router.num_retries ?? settings.num_retries,
      retryPolicy: router.retry_policy,
      timeoutMs: router.timeout,
      streamTimeoutMs: router.stream_timeout,
      allowedFails: router.allowed_fails ?? settings.allowed_fails,
      cooldownMs: router.cooldown_time ?? settings.cooldown_time,
      fallbacks: merged(fallbacks),
      contextWindowFallbacks: merged([
        ...settings.context_window_fallbacks,
        ...router.context_window_fallbacks,
      ]),
      contentPolicyFallbacks: merged([
        ...settings.content_policy_fallbacks,
        ...router.content_policy_fallbacks,
      ]),
      defaultFallbacks: settings.default_fallbacks,
      groupAliases: Object.fromEntries(
        Object.entries(router.model_group_alias).map(([name, target]) => [
          name,
          typeof target === 'string' ? target : target.model,
        ]),
      ),
      redis: {
        host: router.redis_host,
        port: router.redis_port === undefined ? undefined : Number(router.redis_port),
        password: router.redis_password,
      },
    },
    requestTimeoutMs: settings.request_timeout,
    dropParams: settings.drop_params,
    claudeDiscovery: settings.claude_code_discovery,
  };
}

function checkRouting(
  { routing_strategy: strategy, retry_policy: policy }: LlmInput['router'],
  report: ConfigReport,
): void {
  if (!(STRATEGIES as readonly string[]).includes(strategy))
    report.warning(
      ['router_settings', 'routing_strategy'],
      `"${strategy}" is not known, and simple-shuffle is used`,
      `Known: ${STRATEGIES.join(', ')}.`,
    );
  for (const name of Object.keys(policy))
    if (!RETRY_KINDS.includes(name))
      report.warning(
        ['router_settings', 'retry_policy', name],
        'is not known and has no effect',
        `Known: ${RETRY_KINDS.join(', ')}.`,
      );
}

function merged(list: Fallbacks): Readonly<Record<string, readonly string[]>> {
  return Object.assign({}, ...list) as Readonly<Record<string, readonly string[]>>;
}
