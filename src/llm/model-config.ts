import { z } from 'zod';
import { nearest } from '../core/nearest.ts';
import { Secret } from '../core/secret.ts';
import { keyVariableOf, providerOf } from './providers/provider-of.ts';
import { PROVIDERS } from './providers/provider-table.ts';
import { type ConfigReport, duration, inert, secretScalar, secretText, setting } from '../core/setting.ts';

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
  readonly connectTimeoutMs: number | undefined;
  readonly idleTimeoutMs: number | undefined;
  readonly retriesMax: number | undefined;
  readonly weight: number | undefined;
  readonly order: number | undefined;
  readonly headers: Readonly<Record<string, Secret>>;
  /** Further `litellm_params`, sent to the provider as they are; texts under secret-looking names are Secrets. */
  readonly params: Readonly<Record<string, unknown>>;
  /** `model_info` as written. */
  readonly info: Readonly<Record<string, unknown>>;
}

const priceNames = [
  'input_cost_per_token',
  'output_cost_per_token',
  'input_cost_per_second',
  'output_cost_per_second',
  'cache_read_input_token_cost',
  'cache_creation_input_token_cost',
  'cache_creation_input_token_cost_above_1hr',
  'input_cost_per_audio_token',
  'output_cost_per_audio_token',
  'output_cost_per_reasoning_token',
] as const;
const prices = Object.fromEntries(
  priceNames.map((name) => [
    name,
    setting(z.number().min(0).optional(), `US dollars: ${name.replaceAll('_', ' ')}.`),
  ]),
) as Record<(typeof priceNames)[number], z.ZodOptional<z.ZodNumber>>;

const KEY_VARIABLES = Object.values(PROVIDERS)
  .flatMap(({ keyVariable }) => keyVariable ?? [])
  .join(', ');

const litellmParams = z.looseObject({
  model: setting(z.string().min(1), 'Provider and model, for example openai/gpt-4o or ollama/llama3.'),
  api_key: setting(
    secretText().optional(),
    `The provider's key. Without it the provider's own variable of the environment counts (${KEY_VARIABLES}), unless api_base names another host than the provider's.`,
  ),
  api_base: setting(z.string().optional(), "The provider's address, when it is not the usual one."),
  base_url: setting(z.string().optional(), 'The same as api_base.'),
  api_version: setting(z.string().optional(), 'Version of an Azure API.'),
  organization: setting(z.string().optional(), 'Organization to bill at the provider.'),
  custom_llm_provider: setting(z.string().optional(), 'Provider, when the model name does not say it.'),
  mock_response: setting(z.unknown().optional(), 'Answer with this text instead of calling a provider.'),
  rpm: setting(
    z.int().min(0).optional(),
    'Requests per minute that this deployment takes: its weight, where none is given.',
  ),
  tpm: setting(
    z.int().min(0).optional(),
    'Tokens per minute that this deployment takes: its weight, where neither weight nor rpm is given.',
  ),
  timeout: setting(duration('s').optional(), 'Time for a whole answer; a bare number counts seconds.'),
  stream_timeout: setting(
    duration('s').optional(),
    'Time for the first event of a streamed answer; a bare number counts seconds.',
  ),
  connect_timeout: setting(
    duration('s').optional(),
    'Time for the connection to the provider (10 s); a bare number counts seconds.',
  ),
  idle_timeout: setting(
    duration('s').optional(),
    'Longest silence in the middle of an answer (300 s); a bare number counts seconds.',
  ),
  max_retries: setting(z.int().min(0).optional(), 'Retries on this deployment.'),
  weight: setting(z.number().min(0).optional(), 'Share of the requests among the deployments of a name.'),
  order: setting(z.int().optional(), 'Deployments of the lowest order are used first.'),
  base_model: setting(z.string().optional(), 'The same as model_info.base_model.'),
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
  aliases: setting(
    z.array(z.string().min(1)).optional(),
    'Further names of this model, for example one that Claude Code lists: claude-fast.',
  ),
  display_name: setting(z.string().optional(), 'The name that people read in lists.'),
  description: setting(z.string().optional(), 'What the model is good for, in lists.'),
  codex: setting(
    z.record(z.string(), z.unknown()).optional(),
    'What Codex is told of the model besides: members of an entry of its list of models.',
  ),
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

export const modelListSchema = setting(z.array(modelSchema).default([]), 'Models and where they are.');

/** A model that answers itself, as an entry of nobody's file. */
export function mockModel(name: string): ModelConfig {
  return {
    index: -1,
    name,
    model: `mock/${name}`,
    apiKey: undefined,
    apiBase: undefined,
    apiVersion: undefined,
    organization: undefined,
    mockResponse: undefined,
    requestsPerMinute: undefined,
    tokensPerMinute: undefined,
    timeoutMs: undefined,
    streamTimeoutMs: undefined,
    connectTimeoutMs: undefined,
    idleTimeoutMs: undefined,
    retriesMax: undefined,
    weight: undefined,
    order: undefined,
    headers: {},
    params: {},
    info: {},
  };
}

/** One entry, as the schema leaves it, as a deployment. `keyFrom`: the value of a variable of the environment. */
export function toModel(
  entry: z.output<typeof modelSchema>,
  index: number,
  report: ConfigReport,
  keyFrom: (variable: string) => string | undefined,
): ModelConfig {
  const { model, api_key, api_base, base_url, api_version, organization, mock_response, ...params } =
    entry.litellm_params;
  const { rpm, tpm, timeout, stream_timeout, connect_timeout, idle_timeout, max_retries, ...others } = params;
  const { weight, order, headers, extra_headers, ...rest } = others;
  for (const key of Object.keys(rest)) {
    const near = Object.hasOwn(litellmParams.shape, key)
      ? undefined
      : nearest(key, Object.keys(litellmParams.shape), 1);
    if (near !== undefined) {
      report.warning(
        ['model_list', index, 'litellm_params', key],
        'is not a known setting and goes to the provider as it is',
        `Did you mean "${near}"?`,
      );
    }
  }
  const facts = {
    name: entry.model_name,
    model,
    apiBase: api_base ?? base_url,
    mockResponse: mock_response,
    params: rest,
  };
  const choice = providerOf(facts);
  if (choice.kind === 'unknown')
    report.error(['model_list', index, 'litellm_params', choice.member], choice.what, choice.hint);
  const variable = api_key === undefined ? keyVariableOf(facts, choice) : undefined;
  const found = variable === undefined ? undefined : keyFrom(variable);
  return {
    index,
    name: entry.model_name,
    model,
    apiKey: api_key ?? (found === undefined || found === '' ? undefined : new Secret(found)),
    apiBase: facts.apiBase,
    apiVersion: api_version,
    organization,
    mockResponse: mock_response,
    requestsPerMinute: rpm,
    tokensPerMinute: tpm,
    timeoutMs: timeout,
    streamTimeoutMs: stream_timeout,
    connectTimeoutMs: connect_timeout,
    idleTimeoutMs: idle_timeout,
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
