import Anthropic from '@anthropic-ai/sdk';
import {
  type Chat,
  FunctionCallingConfigMode,
  GoogleGenAI,
  type GenerateContentResponse,
} from '@google/genai';
import OpenAI from 'openai';
import { IMAGE, QUESTION, SYSTEM, type SdkAnswer, type SdkConversation, TOOLS } from './sdk-turn.ts';

export interface SdkClient {
  readonly name: string;
  /** The dialect's words for the end of an answer that calls tools, and of one that says all. */
  readonly stops: readonly [string, string];
  converse(url: string, key: string, model: string, isStream: boolean): SdkConversation;
}

const DATA_URL = `data:image/png;base64,${IMAGE}`;

/** Members that OpenAI's types do not know; other providers' thoughts are in them. */
interface ThinkingMessage {
  reasoning_content?: string;
  reasoning?: string;
  reasoning_details?: unknown[];
  thinking_blocks?: unknown[];
}

function converseInChat(url: string, key: string, model: string, isStream: boolean): SdkConversation {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
  const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'system', content: SYSTEM }];
  const turn = async (): Promise<SdkAnswer> => {
    const body = {
      model,
      messages,
      reasoning_effort: 'low' as const,
      tools: TOOLS.map(({ name, description, schema }) => ({
        type: 'function' as const,
        function: { name, description, parameters: schema },
      })),
    };
    const completion = isStream ? await streamed(client, body) : await client.chat.completions.create(body);
    const [choice] = completion.choices;
    if (choice === undefined) throw new Error('no choice');
    const message = choice.message as OpenAI.ChatCompletionMessage & ThinkingMessage;
    messages.push(message);
    const { usage } = completion;
    return {
      text: message.content ?? '',
      thinking: message.reasoning_content ?? message.reasoning ?? '',
      calls: (message.tool_calls ?? []).map((call) => {
        if (call.type !== 'function') throw new Error(call.type);
        return {
          id: call.id,
          name: call.function.name,
          input: JSON.parse(call.function.arguments) as unknown,
        };
      }),
      stop: choice.finish_reason,
      usage: {
        input: usage?.prompt_tokens ?? 0,
        output: usage?.completion_tokens ?? 0,
        cached: usage?.prompt_tokens_details?.cached_tokens ?? 0,
        reasoning: usage?.completion_tokens_details?.reasoning_tokens ?? 0,
      },
    };
  };
  return {
    ask() {
      messages.push({
        role: 'user',
        content: [
          { type: 'text', text: QUESTION },
          { type: 'image_url', image_url: { url: DATA_URL } },
        ],
      });
      return turn();
    },
    goOn(results) {
      for (const [id, content] of results) messages.push({ role: 'tool', tool_call_id: id, content });
      return turn();
    },
  };
}

/** The SDK puts together what OpenAI sends; lists of thoughts are put together by its users, as OpenRouter and LiteLLM tell them. */
async function streamed(
  client: OpenAI,
  body: Omit<OpenAI.ChatCompletionCreateParamsNonStreaming, 'stream'>,
): Promise<OpenAI.ChatCompletion> {
  const thoughts = { reasoning_content: '', reasoning: '' };
  const lists = { reasoning_details: [] as unknown[], thinking_blocks: [] as unknown[] };
  const stream = client.chat.completions.stream({
    ...body,
    stream: true,
    stream_options: { include_usage: true },
  });
  stream.on('chunk', (chunk) => {
    const delta = (chunk.choices[0]?.delta ?? {}) as ThinkingMessage;
    for (const name of ['reasoning_content', 'reasoning'] as const) thoughts[name] += delta[name] ?? '';
    for (const name of ['reasoning_details', 'thinking_blocks'] as const)
      lists[name].push(...(delta[name] ?? []));
  });
  const completion = await stream.finalChatCompletion();
  const message = completion.choices[0]!.message as ThinkingMessage;
  for (const [name, said] of Object.entries({ ...thoughts, ...lists }))
    if (said.length > 0) Object.assign(message, { [name]: said });
  return completion;
}

function converseInResponses(url: string, key: string, model: string, isStream: boolean): SdkConversation {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
  const input: OpenAI.Responses.ResponseInputItem[] = [];
  const turn = async (): Promise<SdkAnswer> => {
    const body = {
      model,
      instructions: SYSTEM,
      input,
      store: false,
      include: ['reasoning.encrypted_content' as const],
      reasoning: { effort: 'low' as const, summary: 'auto' as const },
      tools: TOOLS.map(({ name, description, schema }) => ({
        type: 'function' as const,
        name,
        description,
        parameters: schema as unknown as Record<string, unknown>,
        strict: false,
      })),
    };
    const response = isStream
      ? await client.responses.stream(body).finalResponse()
      : await client.responses.create(body);
    input.push(...(response.output as OpenAI.Responses.ResponseInputItem[]));
    const { usage } = response;
    const output: readonly OpenAI.Responses.ResponseOutputItem[] = response.output;
    return {
      text: response.output_text,
      thinking: output
        .flatMap((item) => (item.type === 'reasoning' ? [...item.summary, ...(item.content ?? [])] : []))
        .map(({ text }) => text)
        .join(''),
      calls: output
        .filter((item) => item.type === 'function_call')
        .map((item) => ({ id: item.call_id, name: item.name, input: JSON.parse(item.arguments) as unknown })),
      stop: response.status ?? '',
      usage: {
        input: usage?.input_tokens ?? 0,
        output: usage?.output_tokens ?? 0,
        cached: usage?.input_tokens_details.cached_tokens ?? 0,
        reasoning: usage?.output_tokens_details.reasoning_tokens ?? 0,
      },
    };
  };
  return {
    ask() {
      input.push({
        role: 'user',
        content: [
          { type: 'input_text', text: QUESTION },
          { type: 'input_image', image_url: DATA_URL, detail: 'auto' },
        ],
      });
      return turn();
    },
    goOn(results) {
      for (const [id, output] of results) input.push({ type: 'function_call_output', call_id: id, output });
      return turn();
    },
  };
}

function converseInMessages(url: string, key: string, model: string, isStream: boolean): SdkConversation {
  const client = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
  const list: Anthropic.MessageParam[] = [];
  const turn = async (): Promise<SdkAnswer> => {
    const body = {
      model,
      system: SYSTEM,
      max_tokens: 8000,
      messages: list,
      thinking: { type: 'enabled' as const, budget_tokens: 2048 },
      tools: TOOLS.map(({ name, description, schema }) => ({
        name,
        description,
        input_schema: schema as unknown as Anthropic.Tool.InputSchema,
      })),
    };
    const message = isStream
      ? await client.messages.stream(body).finalMessage()
      : await client.messages.create(body);
    list.push({ role: 'assistant', content: message.content as Anthropic.ContentBlockParam[] });
    const { content, usage } = message;
    const { output_tokens_details: details } = usage as {
      output_tokens_details?: { thinking_tokens?: number };
    };
    const cached = usage.cache_read_input_tokens ?? 0;
    return {
      text: content.map((block) => (block.type === 'text' ? block.text : '')).join(''),
      thinking: content.map((block) => (block.type === 'thinking' ? block.thinking : '')).join(''),
      calls: content
        .filter((block) => block.type === 'tool_use')
        .map(({ id, name, input }) => ({ id, name, input })),
      stop: message.stop_reason ?? '',
      usage: {
        input: usage.input_tokens + cached + (usage.cache_creation_input_tokens ?? 0),
        output: usage.output_tokens,
        cached,
        reasoning: details?.thinking_tokens ?? 0,
      },
    };
  };
  return {
    ask() {
      list.push({
        role: 'user',
        content: [
          { type: 'text', text: QUESTION },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: IMAGE } },
        ],
      });
      return turn();
    },
    goOn(results) {
      const content = [...results].map(([id, said]) => ({
        type: 'tool_result' as const,
        tool_use_id: id,
        content: said,
      }));
      list.push({ role: 'user', content });
      return turn();
    },
  };
}

function converseInGemini(url: string, key: string, model: string, isStream: boolean): SdkConversation {
  const client = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url } });
  // Keeps the history itself.
  const conversation: Chat = client.chats.create({
    model,
    config: {
      systemInstruction: SYSTEM,
      maxOutputTokens: 8000,
      thinkingConfig: { includeThoughts: true, thinkingBudget: 2048 },
      toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.AUTO } },
      tools: [
        {
          functionDeclarations: TOOLS.map(({ name, description, schema }) => ({
            name,
            description,
            parametersJsonSchema: schema,
          })),
        },
      ],
    },
  });
  const names = new Map<string, string>();
  const turn = async (message: Parameters<Chat['sendMessage']>[0]['message']): Promise<SdkAnswer> => {
    const chunks: GenerateContentResponse[] = [];
    if (isStream)
      for await (const chunk of await conversation.sendMessageStream({ message })) chunks.push(chunk);
    else chunks.push(await conversation.sendMessage({ message }));
    const parts = chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
    const calls = parts.flatMap(({ functionCall }) =>
      functionCall === undefined
        ? []
        : [{ id: functionCall.id ?? '', name: functionCall.name ?? '', input: functionCall.args }],
    );
    for (const { id, name } of calls) names.set(id, name);
    const usage = chunks.at(-1)?.usageMetadata;
    const said = (isThought: boolean): string =>
      parts.map(({ text, thought }) => ((thought === true) === isThought ? (text ?? '') : '')).join('');
    return {
      text: said(false),
      thinking: said(true),
      calls,
      stop: chunks.at(-1)?.candidates?.[0]?.finishReason ?? '',
      usage: {
        input: usage?.promptTokenCount ?? 0,
        output: (usage?.candidatesTokenCount ?? 0) + (usage?.thoughtsTokenCount ?? 0),
        cached: usage?.cachedContentTokenCount ?? 0,
        reasoning: usage?.thoughtsTokenCount ?? 0,
      },
    };
  };
  return {
    ask: () => turn([{ text: QUESTION }, { inlineData: { mimeType: 'image/png', data: IMAGE } }]),
    goOn: (results) =>
      turn(
        [...results].map(([id, output]) => ({
          functionResponse: { id, name: names.get(id) ?? '', response: { output } },
        })),
      ),
  };
}

/** The official SDKs, each in the manner of its own documentation. */
export const SDK_CLIENTS: readonly SdkClient[] = [
  { name: 'openai, Chat Completions', stops: ['tool_calls', 'stop'], converse: converseInChat },
  { name: 'openai, Responses', stops: ['completed', 'completed'], converse: converseInResponses },
  { name: '@anthropic-ai/sdk', stops: ['tool_use', 'end_turn'], converse: converseInMessages },
  { name: '@google/genai', stops: ['STOP', 'STOP'], converse: converseInGemini },
];
