import { type ProviderKind, PROVIDERS } from './provider-table.ts';

/** What an entry of `model_list` says of its provider. */
export interface ProviderFacts {
  readonly name: string;
  readonly model: string;
  readonly apiBase: string | undefined;
  readonly mockResponse: unknown;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Who answers, and what is missing for that. */
export type ProviderChoice =
  | {
      readonly kind: 'known';
      readonly provider: string;
      readonly api: ProviderKind;
      /** The provider's name for the model. */
      readonly model: string;
      readonly prefersResponses: boolean;
      readonly isMock: boolean;
    }
  /** Told by each request: a wildcard for the models of all providers. */
  | { readonly kind: 'by-request' }
  /** `what` completes "litellm_params.<member>: …"; `hint` is a sentence. */
  | { readonly kind: 'unknown'; readonly member: string; readonly what: string; readonly hint: string };

export const MOCK_PROVIDER = 'mock';
/** In `litellm_params.model`: the whole name that the client asks for, provider included. */
const ANY = '*';
/** Model names that say their provider without a prefix. */
const KNOWN_NAMES: readonly (readonly [RegExp, string])[] = [
  [/^(?:gpt-|o\d|chatgpt-|codex-|text-embedding-|computer-use)/, 'openai'],
  [/^claude-/, 'anthropic'],
  [/^(?:gemini-|gemma-)/, 'gemini'],
];

/** Finds the provider of an entry, by its prefix, its name, or its address. */
export function providerOf(facts: ProviderFacts): ProviderChoice {
  const { name, apiBase, mockResponse, params } = facts;
  let { model } = facts;
  const named = params['custom_llm_provider'];
  let provider = typeof named === 'string' ? named : undefined;
  if (model === ANY && name.includes('*') && provider === undefined && apiBase === undefined)
    return { kind: 'by-request' };
  const slash = model.indexOf('/');
  const prefix = slash < 0 ? undefined : model.slice(0, slash);
  if (
    prefix !== undefined &&
    (Object.hasOwn(PROVIDERS, prefix) || prefix === MOCK_PROVIDER || prefix === provider)
  ) {
    provider ??= prefix;
    model = model.slice(slash + 1);
  }
  provider ??= KNOWN_NAMES.find(([pattern]) => pattern.test(model))?.[1];
  if (provider === undefined && apiBase !== undefined) provider = 'custom_openai';
  if (provider === undefined && mockResponse !== undefined) provider = MOCK_PROVIDER;
  if (provider === undefined)
    return {
      kind: 'unknown',
      member: 'model',
      what: `"${facts.model}" does not say its provider`,
      hint: `Write it as provider/model (${Object.keys(PROVIDERS).join(', ')}), or say the address of an OpenAI-compatible server in api_base.`,
    };
  const isMock = provider === MOCK_PROVIDER || mockResponse !== undefined;
  const api =
    (Object.hasOwn(PROVIDERS, provider) ? PROVIDERS[provider] : undefined) ?? PROVIDERS['custom_openai']!;
  if (!isMock && apiBase === undefined && api.base === undefined)
    return {
      kind: 'unknown',
      member: 'api_base',
      what: `is missing: provider "${provider}" has no address of its own`,
      hint: 'Say where it is, for example http://192.168.1.20:8000/v1.',
    };
  const prefersResponses = model.startsWith('responses/');
  if (prefersResponses) model = model.slice('responses/'.length);
  return { kind: 'known', provider, api, model, prefersResponses, isMock };
}

/**
 * The variable of the environment that holds the key of an entry that has none. Only for the provider's own address: a key must not go to somebody
 * else's server because a variable happens to be set.
 */
export function keyVariableOf({ apiBase }: ProviderFacts, choice: ProviderChoice): string | undefined {
  if (choice.kind !== 'known' || choice.isMock) return undefined;
  const { base, keyVariable } = choice.api;
  return apiBase === undefined || base === undefined || hostOf(apiBase) === hostOf(base)
    ? keyVariable
    : undefined;
}

function hostOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).host : undefined;
}
