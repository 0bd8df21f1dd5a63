import { describe, expect, test } from 'vitest';
import { inspectConfig } from './load.ts';

async function inspect(text: string, env: Record<string, string> = {}) {
  const { config, problems } = await inspectConfig({
    file: 'c.yaml',
    env,
    readFile: () => Promise.resolve(Buffer.from(text)),
  });
  return {
    config,
    shown: problems.map(({ line, severity, path, what }) => `${line} ${severity} ${path}: ${what}`),
  };
}

const HEAD = 'general_settings: {master_key: sk-0123456789abcdef0123, disable_database: true}\nmodel_list:\n';
const model = (params: string, name = 'm'): string =>
  `  - model_name: "${name}"\n    litellm_params: ${params}\n`;

describe('an entry of model_list that cannot be used is refused where it stands', () => {
  test.each([
    ['{model: mystery}', '4 error model_list[0].litellm_params.model: "mystery" does not say its provider'],
    [
      '{model: bedrock/claude}',
      '4 error model_list[0].litellm_params.model: "bedrock/claude" does not say its provider',
    ],
    ['{model: "*"}', '4 error model_list[0].litellm_params.model: "*" does not say its provider'],
    [
      '{model: hosted_vllm/llama}',
      '4 error model_list[0].litellm_params.api_base: is missing: provider "hosted_vllm" has no address of its own',
    ],
    [
      '{model: azure/gpt, api_key: k}',
      '4 error model_list[0].litellm_params.api_base: is missing: provider "azure" has no address of its own',
    ],
  ])('%s', async (params, problem) => {
    const { config, shown } = await inspect(HEAD + model(params));
    expect(shown).toContainEqual(problem);
    expect(config).toBeUndefined();
  });

  test.each([
    '{model: gpt-4o}',
    '{model: claude-opus-4}',
    '{model: ollama/llama3}',
    '{model: mystery, api_base: "http://x/v1"}',
    '{model: mystery, mock_response: hi}',
    '{model: mystery, custom_llm_provider: openai}',
    '{model: mock/x}',
  ])('%s can be used', async (params) => {
    const { config, shown } = await inspect(HEAD + model(params));
    expect(shown).toEqual([]);
    expect(config).toBeDefined();
  });

  test('a wildcard of all providers can be used', async () => {
    expect((await inspect(HEAD + model('{model: "*"}', '*'))).config).toBeDefined();
  });
});

describe('an entry without a key', () => {
  const env = {
    OPENAI_API_KEY: 'sk-openai',
    ANTHROPIC_API_KEY: 'sk-ant',
    AZURE_API_KEY: 'az',
    GEMINI_API_KEY: '',
  };
  const keyOf = async (params: string, more = ''): Promise<string | undefined> =>
    (await inspect(HEAD + model(params) + more, env)).config?.llm.models[0]?.apiKey?.reveal();

  test.each([
    ['{model: openai/gpt-4o}', 'sk-openai'],
    ['{model: gpt-4o}', 'sk-openai'],
    ['{model: anthropic/claude-x}', 'sk-ant'],
    ['{model: azure/gpt, api_base: "https://mine.azure.test"}', 'az'],
    ['{model: openai/gpt-4o, api_base: "https://api.openai.com/v1"}', 'sk-openai'],
    ['{model: openai/gpt-4o, api_key: own}', 'own'],
  ])('%s uses %s', async (params, key) => {
    expect(await keyOf(params)).toBe(key);
  });

  test.each([
    // A key is not for somebody else's server.
    '{model: openai/gpt-4o, api_base: "http://192.168.1.20:8000/v1"}',
    '{model: openai/gpt-4o, api_base: "https://api.openai.com.evil.test/v1"}',
    '{model: gemini/gemini-x}',
    '{model: ollama/llama3}',
    '{model: openai/gpt-4o, mock_response: hi}',
  ])('%s uses none', async (params) => {
    expect(await keyOf(params)).toBeUndefined();
  });

  test('takes variables that the file sets, too', async () => {
    const more = 'environment_variables: {GEMINI_API_KEY: from-file}\n';
    const { config } = await inspect(HEAD + model('{model: gemini/gemini-x}') + more);
    expect(config?.llm.models[0]?.apiKey?.reveal()).toBe('from-file');
  });
});

test('words of router_settings that mean nothing are named', async () => {
  const { config, shown } = await inspect(
    `${HEAD}${model('{model: gpt-4o}')}router_settings:\n  routing_strategy: fastest\n  retry_policy: {TimeoutErrorRetries: 1, TimeoutRetries: 2}\n`,
  );
  expect(config?.llm.router.strategy).toBe('fastest');
  expect(shown).toEqual([
    '6 warning router_settings.routing_strategy: "fastest" is not known, and simple-shuffle is used',
    '7 warning router_settings.retry_policy.TimeoutRetries: is not known and has no effect',
  ]);
});
