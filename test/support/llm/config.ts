import { loadConfig } from '../../../src/config/load.ts';
import type { LlmConfig } from '../../../src/llm/llm-config.ts';

/** A deployment: its model, and further `litellm_params`. */
export const entry = (
  name: string,
  params: Readonly<Record<string, unknown>> = {},
  info: Readonly<Record<string, unknown>> = {},
): object => ({
  model_name: name,
  litellm_params: { model: 'openai/m', ...params },
  model_info: info,
});

/** The slice of the model API, of a configuration with these sections. */
export async function llmConfig(
  models: readonly object[],
  more: Readonly<Record<string, unknown>> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<LlmConfig> {
  const text = JSON.stringify({
    general_settings: { master_key: 'sk-0123456789abcdef0123', disable_database: true },
    model_list: models,
    ...more,
  });
  const { config } = await loadConfig({
    file: 'config.yaml',
    env,
    readFile: () => Promise.resolve(Buffer.from(text)),
  });
  return config.llm;
}
