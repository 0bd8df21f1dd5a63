import { createHash } from 'node:crypto';
import type { FormatName } from '../conversation/format-name.ts';
import type { ModelConfig } from '../model-config.ts';
import { MOCK_PROVIDER, providerOf } from './provider-of.ts';
import { type Operation, type ProviderKind, PROVIDERS } from './provider-table.ts';

/** One way to a model: a provider, its name for the model, and our credentials. */
export interface Deployment {
  /** `model_info.id`, or a hash that stays the same while the entry does. */
  readonly id: string;
  readonly config: ModelConfig;
  /** The provider's name; `mock` answers itself. */
  readonly provider: string;
  readonly kind: ProviderKind;
  /** The provider's name for the model. */
  readonly model: string;
  readonly base: string;
  /** Formats, the preferred one first. */
  readonly formats: readonly FormatName[];
  readonly isMock: boolean;
}

const ID_CHARACTERS = 16;

/** An entry of `model_list` as a way to its model. Throws an Error that says what is missing. */
export function toDeployment(config: ModelConfig): Deployment {
  const choice = providerOf(config);
  if (choice.kind !== 'known')
    throw new Error(
      `model "${config.name}": ${choice.kind === 'unknown' ? `litellm_params.${choice.member} ${choice.what}. ${choice.hint}` : 'every request says its provider'}`,
    );
  const { provider, api, model, prefersResponses, isMock } = choice;
  const id = config.info['id'];
  return {
    id: typeof id === 'string' ? id : fingerprint(config),
    config,
    provider: isMock ? MOCK_PROVIDER : provider,
    kind: api,
    model,
    base: (config.apiBase ?? api.base ?? '').replace(/\/+$/, ''),
    formats: prefersResponses ? ['responses'] : formatsOf(api, config),
    isMock,
  };
}

/** An address of somebody who imitates OpenAI is spoken to in Chat Completions, which they all know. */
function formatsOf(kind: ProviderKind, config: ModelConfig): readonly FormatName[] {
  const mode = config.info['mode'];
  if (mode === 'responses' || mode === 'chat') return [mode];
  const isImitator =
    kind === PROVIDERS['openai'] && config.apiBase !== undefined && !/openai\.com/.test(config.apiBase);
  return isImitator ? ['chat'] : kind.formats;
}

/** The address of an operation, without the secrets of its query. */
export function urlOf(
  { base, kind, model, config }: Deployment,
  format: FormatName,
  operation: Operation,
  isStream: boolean,
): string {
  switch (kind.paths) {
    case 'openai':
      return `${base}/${openaiPath(format, operation)}`;
    case 'azure': {
      const version = config.apiVersion ?? '2025-04-01-preview';
      return format === 'responses'
        ? `${base}/openai/v1/responses`
        : `${base}/openai/deployments/${encodeURIComponent(model)}/${openaiPath(format, operation)}?api-version=${encodeURIComponent(version)}`;
    }
    case 'anthropic': {
      const root = base.endsWith('/v1') ? base : `${base}/v1`;
      return `${root}/messages${operation === 'count-tokens' ? '/count_tokens' : ''}`;
    }
    case 'gemini': {
      return `${base}/models/${encodeURIComponent(model)}:${geminiVerb(operation, isStream)}`;
    }
  }
}

function geminiVerb(operation: Operation, isStream: boolean): string {
  switch (operation) {
    case 'embed':
      return 'embedContent';
    case 'embed-batch':
      return 'batchEmbedContents';
    case 'count-tokens':
      return 'countTokens';
    case 'generate':
      return isStream ? 'streamGenerateContent?alt=sse' : 'generateContent';
  }
}

function openaiPath(format: FormatName, operation: Operation): string {
  if (operation === 'embed') return 'embeddings';
  return format === 'responses'
    ? operation === 'count-tokens'
      ? 'responses/input_tokens'
      : 'responses'
    : 'chat/completions';
}

/** The headers that carry our credentials and say the version of the API. */
export function credentialHeaders({ kind, config }: Deployment): readonly (readonly [string, string])[] {
  const headers: (readonly [string, string])[] = [];
  const key = config.apiKey?.reveal();
  if (key !== undefined)
    headers.push(kind.auth === 'bearer' ? ['Authorization', `Bearer ${key}`] : [kind.auth, key]);
  if (config.organization !== undefined) headers.push(['OpenAI-Organization', config.organization]);
  for (const [name, value] of Object.entries(config.headers)) headers.push([name, value.reveal()]);
  return headers;
}

function fingerprint(config: ModelConfig): string {
  const facts = [config.name, config.model, config.apiBase, config.apiVersion, config.order, config.index];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, ID_CHARACTERS);
}
