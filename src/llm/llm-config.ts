import { z } from 'zod';
import { Secret } from '../core/secret.ts';
import { duration, inert, inertShape, secretScalar, secretText, setting } from '../core/setting.ts';

/** One deployment of a model: an entry of `model_list`. */
export interface ModelConfig {
  readonly index: number;
  /** The public name; deployments that share it form a group. */
  readonly name: string;
  /** Provider and model as LiteLLM writes them: `openai/gpt-4o`. */
  readonly model: string;
  readonly apiKey: Secret | undefined;
  readonly apiBase: string | undefined;
  readonly apiVersion: string | undefined;
  readonly organization: string | undefined;
  /** Answered instead of calling a provider. */
  readonly mockResponse: unknown;
  readonly requestsPerMinute: number | undefined;
  readonly tokensPerMinute: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly streamTimeoutMs: number | undefined;
  readonly retriesMax: number | undefined;
  readonly weight: number | undefined;
  readonly order: number | undefined;
  readonly headers: Readonly<Record<string, Secret>>;
  /** Further `litellm_params`, sent to the provider as they are; texts under secret-looking names are Secrets. */
  readonly params: Readonly<Record<string, unknown>>;
  /** `model_info` as written. */
  readonly info: Readonly<Record<string, unknown>>;
}

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
  /** Share of each priority class, 0 to 1. */
  readonly priorityReservation: Readonly<Record<string, number>>;
}

const LATER = 'models are loaded; the model API is not served yet';
const later = { later: LATER };

const fallbackList = z.array(z.record(z.string(), z.array(z.string())));
const priceNames = [
  'input_cost_per_token',
  'output_cost_per_token',
  'input_cost_per_second',
  'output_cost_per_second',
] as const;
const prices = Object.fromEntries(
  priceNames.map((name) => [
    name,
    setting(z.number().min(0).optional(), `US dollars: ${name.replaceAll('_', ' ')}.`),
  ]),
) as Record<(typeof priceNames)[number], z.ZodOptional<z.ZodNumber>>;

const litellmParams = z.looseObject({
  model: setting(z.string().min(1), 'Provider and model, for example openai/gpt-4o or ollama/llama3.'),
  api_key: setting(secretText().optional(), "The provider's key."),
  api_base: setting(z.string().optional(), "The provider's address, when it is not the usual one."),
  base_url: setting(z.string().optional(), 'The same as api_base.'),
  api_version: setting(z.string().optional(), 'Version of an Azure API.'),
  organization: setting(z.string().optional(), 'Organization to bill at the provider.'),
  custom_llm_provider: setting(z.string().optional(), 'Provider, when the model name does not say it.'),
  mock_response: setting(z.unknown().optional(), 'Answer with this text instead of calling a provider.'),
  rpm: setting(z.int().min(0).optional(), 'Requests per minute that this deployment takes.'),
  tpm: setting(z.int().min(0).optional(), 'Tokens per minute that this deployment takes.'),
  timeout: setting(duration('s').optional(), 'Time for a whole answer; a bare number counts seconds.'),
  stream_timeout: setting(
    duration('s').optional(),
    'Time for the first event of a streamed answer; a bare number counts seconds.',
  ),
  max_retries: setting(z.int().min(0).optional(), 'Retries on this deployment.'),
  weight: setting(z.number().min(0).optional(), 'Share of the requests among the deployments of a name.'),
  order: setting(z.int().optional(), 'Deployments of the lowest order are used first.'),
  headers: setting(z.record(z.string(), secretScalar()).optional(), 'Headers sent to the provider.'),
  extra_headers: setting(z.record(z.string(), secretScalar()).optional(), 'The same as headers.'),
  ...prices,
});

const modelInfo = z.looseObject({
  id: setting(z.string().optional(), 'Stable name of this deployment.'),
  mode: setting(z.string().optional(), 'chat, embedding, completion, …'),
  base_model: setting(z.string().optional(), 'Model whose prices and limits count.'),
  max_tokens: setting(z.int().min(1).optional(), 'Tokens of input and output together.'),
  max_input_tokens: setting(z.int().min(1).optional(), 'Tokens of input at most.'),
  max_output_tokens: setting(z.int().min(1).optional(), 'Tokens of output at most.'),
  access_groups: setting(z.array(z.string()).optional(), 'Groups under which keys may be given this model.'),
  ...prices,
});

/** One entry of `model_list`. */
export const modelSchema = z.strictObject({
  model_name: setting(
    z.string().min(1),
    'The name that clients ask for; several entries of one name form a group.',
  ),
  litellm_params: setting(litellmParams, 'How the model is reached.'),
  model_info: setting(modelInfo.optional(), 'What is known about the model.'),
  model_group_alias: inert(),
});

export const modelListSchema = setting(z.array(modelSchema).default([]), 'Models and where they are.', later);

/** Keys of `litellm_settings` that belong to the model API. */
export const llmLitellmShape = {
  request_timeout: setting(
    duration('s').optional(),
    'Time for a whole answer of a model; a bare number counts seconds.',
    later,
  ),
  drop_params: setting(
    z.boolean().default(false),
    'Leave out parameters that a provider does not know.',
    later,
  ),
  default_fallbacks: setting(z.array(z.string()).default([]), 'Models to use when any other fails.', later),
  context_window_fallbacks: setting(
    fallbackList.default([]),
    'Models to use when a request is too long for one.',
    later,
  ),
  content_policy_fallbacks: setting(
    fallbackList.default([]),
    'Models to use when a provider refuses the content.',
    later,
  ),
  fallbacks: setting(
    fallbackList.optional(),
    'Models to use when one fails. Also accepted under router_settings.',
    later,
  ),
  num_retries: setting(
    z.int().min(0).optional(),
    'Retries of a failed request. Also accepted under router_settings.',
    later,
  ),
  allowed_fails: setting(
    z.int().min(0).optional(),
    'Failures a minute before a deployment rests. Also accepted under router_settings.',
    later,
  ),
  cooldown_time: setting(
    duration('s').optional(),
    'How long a failing deployment rests. Also accepted under router_settings.',
    later,
  ),
  priority_reservation: setting(
    z.record(z.string(), z.number().min(0).max(1)).default({}),
    'Share of each priority class, from 0 to 1.',
    later,
  ),
};

/** Section `router_settings`. */
export const routerSchema = z.strictObject({
  routing_strategy: setting(
    z.string().default('simple-shuffle'),
    'How a deployment is chosen among those of one name.',
    later,
  ),
  num_retries: setting(z.int().min(0).optional(), 'Retries of a failed request.', later),
  retry_policy: setting(
    z.record(z.string(), z.int().min(0)).default({}),
    'Retries by kind of failure.',
    later,
  ),
  timeout: setting(duration('s').optional(), 'Time for a whole answer; a bare number counts seconds.', later),
  stream_timeout: setting(duration('s').optional(), 'Time for the first event of a streamed answer.', later),
  allowed_fails: setting(z.int().min(0).optional(), 'Failures a minute before a deployment rests.', later),
  cooldown_time: setting(
    duration('s').optional(),
    'How long a failing deployment rests; a bare number counts seconds.',
    later,
  ),
  fallbacks: setting(
    fallbackList.default([]),
    'Models to use when one fails: a list of {name: [other names]}.',
    later,
  ),
  context_window_fallbacks: setting(
    fallbackList.default([]),
    'Models to use when a request is too long for one.',
    later,
  ),
  content_policy_fallbacks: setting(
    fallbackList.default([]),
    'Models to use when a provider refuses the content.',
    later,
  ),
  model_group_alias: setting(
    z
      .record(
        z.string(),
        z.union([z.string(), z.looseObject({ model: z.string() })], { error: 'must be the name of a model' }),
      )
      .default({}),
    'Further names of models.',
    later,
  ),
  redis_host: setting(
    z.string().optional(),
    'Redis or Valkey that several gateways share counters through.',
    later,
  ),
  redis_port: setting(
    z.union([z.int(), z.string().regex(/^\d+$/)], { error: 'must be a port number' }).optional(),
    'Its port.',
    later,
  ),
  redis_password: setting(secretText().optional(), 'Its password.', later),
  ...inertShape([
    'redis_url',
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
}

/** The model API's slice. */
export function resolveLlm({ models, router, settings }: LlmInput): LlmConfig {
  const fallbacks = router.fallbacks.length > 0 ? router.fallbacks : (settings.fallbacks ?? []);
  return {
    models: models.map(toModel),
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
    priorityReservation: settings.priority_reservation,
  };
}

function merged(list: Fallbacks): Readonly<Record<string, readonly string[]>> {
  return Object.assign({}, ...list) as Readonly<Record<string, readonly string[]>>;
}

function toModel(entry: z.output<typeof modelSchema>, index: number): ModelConfig {
  const { model, api_key, api_base, base_url, api_version, organization, mock_response, ...params } =
    entry.litellm_params;
  const { rpm, tpm, timeout, stream_timeout, max_retries, weight, order, headers, extra_headers, ...rest } =
    params;
  return {
    index,
    name: entry.model_name,
    model,
    apiKey: api_key,
    apiBase: api_base ?? base_url,
    apiVersion: api_version,
    organization,
    mockResponse: mock_response,
    requestsPerMinute: rpm,
    tokensPerMinute: tpm,
    timeoutMs: timeout,
    streamTimeoutMs: stream_timeout,
    retriesMax: max_retries,
    weight,
    order,
    headers: { ...extra_headers, ...headers },
    params: concealed(rest) as Readonly<Record<string, unknown>>,
    info: entry.model_info ?? {},
  };
}

/** The same value with every text under a secret-looking name wrapped. */
function concealed(value: unknown, name = ''): unknown {
  if (typeof value === 'string')
    return /key|token|secret|password|credential|auth/i.test(name) ? new Secret(value) : value;
  if (Array.isArray(value)) return value.map((item) => concealed(item, name));
  if (typeof value !== 'object' || value === null || value instanceof Secret) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, concealed(item, key)]));
}
