import { Secret } from '../../core/secret.ts';
import type { JsonObject } from '../conversation/parts.ts';
import type { Deployment } from '../providers/deployment.ts';
import { dollars, type Pico } from '../usage/money.ts';
import type { Price } from '../usage/price.ts';
import type { ListedModel } from '../usage/price-table.ts';

export interface InfoFacts {
  readonly name: string;
  readonly deployment: Deployment;
  readonly listed: ListedModel | undefined;
  readonly price: Price | undefined;
  /** Where the model is and with which parameters; only the operator is told. */
  readonly isOperator: boolean;
}

/** One deployment as LiteLLM's `/model/info` tells it. No secret is in it. */
export function modelInfo({ name, deployment, listed, price, isOperator }: InfoFacts): JsonObject {
  const { config, id, provider } = deployment;
  const { info, params } = config;
  const rates = price?.standard;
  const known: Record<string, unknown> = {
    max_tokens: listed?.outputMax ?? listed?.context,
    max_input_tokens: listed?.context,
    max_output_tokens: listed?.outputMax,
    mode: listed?.mode ?? 'chat',
    litellm_provider: provider,
    ...withoutSecrets(info),
    id,
    db_model: false,
    key: listed?.name,
    input_cost_per_token: amount(rates?.input),
    output_cost_per_token: amount(rates?.output),
    cache_read_input_token_cost: amount(rates?.cacheRead),
    cache_creation_input_token_cost: amount(rates?.cacheWrite),
    cache_creation_input_token_cost_above_1hr: amount(rates?.cacheWrite1h),
    input_cost_per_audio_token: amount(rates?.audioInput),
    output_cost_per_audio_token: amount(rates?.audioOutput),
  };
  const settings: Record<string, unknown> = { model: config.model };
  if (isOperator)
    Object.assign(settings, {
      api_base: config.apiBase === undefined ? undefined : withoutUserinfo(config.apiBase),
      api_version: config.apiVersion,
      rpm: config.requestsPerMinute,
      tpm: config.tokensPerMinute,
      timeout: seconds(config.timeoutMs),
      stream_timeout: seconds(config.streamTimeoutMs),
      max_retries: config.retriesMax,
      weight: config.weight,
      order: config.order,
      ...withoutSecrets(params),
    });
  return {
    model_name: name,
    litellm_params: present(settings),
    model_info: present(known),
  };
}

function amount(rate: Pico | undefined): number | undefined {
  return rate === undefined ? undefined : dollars(rate);
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1_000;
}

function withoutUserinfo(url: string): string {
  return url.replace(/^(\w+:\/\/)[^/@]*@/, '$1').replace(/\?.*$/, '');
}

function withoutSecrets(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, one]) => !(one instanceof Secret))
      .map(([name, one]) => [
        name,
        typeof one === 'object' && one !== null && !Array.isArray(one)
          ? withoutSecrets(one as Record<string, unknown>)
          : one,
      ]),
  );
}

function present(value: Readonly<Record<string, unknown>>): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as JsonObject;
}
