import type { FormatName } from '../conversation/format-name.ts';

/** What a request asks of a provider. */
export type Operation = 'generate' | 'count-tokens' | 'embed' | 'embed-batch';

/** How one kind of provider is reached. */
export interface ProviderKind {
  /** The formats that it speaks, the one that says most first. */
  readonly formats: readonly FormatName[];
  /** Without a trailing slash; `undefined`: `api_base` must say it. */
  readonly base: string | undefined;
  readonly auth: 'bearer' | 'x-api-key' | 'api-key' | 'x-goog-api-key';
  readonly paths: 'openai' | 'anthropic' | 'gemini' | 'azure';
  /** Variable of the environment that holds a key when none is configured, as the provider's own tools name it. */
  readonly keyVariable: string | undefined;
}

const openai = (base: string | undefined, keyVariable: string | undefined): ProviderKind => ({
  formats: ['chat'],
  base,
  auth: 'bearer',
  paths: 'openai',
  keyVariable,
});

/** Providers by the prefix of a model's name, as LiteLLM names them. */
export const PROVIDERS: Readonly<Record<string, ProviderKind>> = {
  openai: { ...openai('https://api.openai.com/v1', 'OPENAI_API_KEY'), formats: ['responses', 'chat'] },
  anthropic: {
    formats: ['messages'],
    base: 'https://api.anthropic.com',
    auth: 'x-api-key',
    paths: 'anthropic',
    keyVariable: 'ANTHROPIC_API_KEY',
  },
  gemini: {
    formats: ['gemini'],
    base: 'https://generativelanguage.googleapis.com/v1beta',
    auth: 'x-goog-api-key',
    paths: 'gemini',
    keyVariable: 'GEMINI_API_KEY',
  },
  azure: {
    formats: ['chat', 'responses'],
    base: undefined,
    auth: 'api-key',
    paths: 'azure',
    keyVariable: 'AZURE_API_KEY',
  },
  ollama: openai('http://localhost:11434/v1', undefined),
  ollama_chat: openai('http://localhost:11434/v1', undefined),
  openrouter: openai('https://openrouter.ai/api/v1', 'OPENROUTER_API_KEY'),
  groq: openai('https://api.groq.com/openai/v1', 'GROQ_API_KEY'),
  mistral: openai('https://api.mistral.ai/v1', 'MISTRAL_API_KEY'),
  deepseek: openai('https://api.deepseek.com/v1', 'DEEPSEEK_API_KEY'),
  xai: openai('https://api.x.ai/v1', 'XAI_API_KEY'),
  together_ai: openai('https://api.together.xyz/v1', 'TOGETHERAI_API_KEY'),
  hosted_vllm: openai(undefined, undefined),
  lm_studio: openai('http://localhost:1234/v1', undefined),
  custom_openai: openai(undefined, undefined),
};
