import { expect } from 'vitest';
import { load } from '../support/real-clients/load.ts';
import { testClient, type Turn } from '../support/real-clients/suite.ts';

/** As much of `ai` as is used here. */
interface Ai {
  generateText(options: object): Promise<{ readonly text: string }>;
  streamText(options: object): { readonly text: PromiseLike<string> };
  stepCountIs(count: number): unknown;
}

interface AiOpenai {
  createOpenAI(options: object): {
    chat(model: string): unknown;
    responses(model: string): unknown;
  };
}

interface AiMcp {
  createMCPClient(options: object): Promise<{ tools(): Promise<object>; close(): Promise<void> }>;
}

/** One turn of the SDK through one of its models of OpenAI, whole and then streamed. */
async function ask(
  { modules, stage: { gateway }, model, prompt, usesMcp, headers }: Turn,
  format: 'chat' | 'responses',
): Promise<string> {
  const ai = await load<Ai>(modules, 'ai');
  const { createOpenAI } = await load<AiOpenai>(modules, '@ai-sdk/openai');
  const { createMCPClient } = await load<AiMcp>(modules, '@ai-sdk/mcp');
  const openai = createOpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key, headers });
  const mcp = usesMcp
    ? await createMCPClient({
        transport: {
          type: 'http',
          url: `${gateway.url}/mcp`,
          headers: { authorization: `Bearer ${gateway.key}` },
        },
      })
    : undefined;
  try {
    const options = {
      model: openai[format](model),
      prompt,
      tools: await mcp?.tools(),
      stopWhen: ai.stepCountIs(4),
      maxRetries: 0,
    };
    const { text } = await ai.generateText(options);
    expect(await ai.streamText(options).text).toBe(text);
    return text;
  } finally {
    await mcp?.close();
  }
}

await testClient({
  name: 'The Vercel AI SDK in Chat Completions',
  list: 'sdks',
  model: 'chat-through-lanport',
  provider: 'messages',
  ask: (turn) => ask(turn, 'chat'),
});

await testClient({
  name: 'The Vercel AI SDK in Responses',
  list: 'sdks',
  model: 'responses-through-lanport',
  provider: 'chat',
  ask: (turn) => ask(turn, 'responses'),
});
