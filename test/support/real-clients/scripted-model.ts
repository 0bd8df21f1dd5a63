import { EVENTS, events, type ProviderAct, type ProviderReply } from '../llm/provider.ts';

export type ModelFormat = 'chat' | 'responses' | 'messages' | 'gemini';

/** A request as a model sees it, whatever its format. */
export interface Asked {
  /** Names of the tools that are offered. */
  readonly tools: readonly string[];
  /** Results of the calls so far, in order, each as text. */
  readonly results: readonly string[];
  /** Everything that was said, as JSON. */
  readonly said: string;
}

/** What a model does: it says something, or calls a tool. */
export type Doing =
  | { readonly text: string }
  | { readonly name: string; readonly input: Readonly<Record<string, unknown>> };

type Loose = any; // oxlint-disable-line typescript/no-explicit-any

interface Script {
  readonly read: (body: Loose) => Asked;
  readonly whole: (doing: Doing, call: string) => object;
  readonly stream: (doing: Doing, call: string) => string;
}

/** A provider of one format whose model does what `decide` says. */
export function scriptedModel(format: ModelFormat, decide: (asked: Asked) => Doing): ProviderAct {
  const script = SCRIPTS[format];
  let calls = 0;
  return ({ body, url }): ProviderReply => {
    if (url.includes('count')) return { body: [JSON.stringify({ input_tokens: 7, totalTokens: 7 })] };
    const doing = decide(script.read(body));
    const call = `call_${++calls}`;
    const isStream = body['stream'] === true || url.includes(':stream');
    return isStream
      ? { headers: EVENTS, body: [script.stream(doing, call)] }
      : { body: [JSON.stringify(script.whole(doing, call))] };
  };
}

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value ?? ''));
const list = (value: unknown): Loose[] => (Array.isArray(value) ? value : []);

const CHAT: Script = {
  read: ({ messages, tools }) => ({
    tools: list(tools).map((tool) => tool.function?.name),
    results: list(messages).flatMap(({ role, content }) => (role === 'tool' ? [text(content)] : [])),
    said: text(messages),
  }),
  whole: (doing, call) => ({
    ...CHAT_COMMON,
    object: 'chat.completion',
    choices: [
      { index: 0, message: { role: 'assistant', ...chatPart(doing, call) }, finish_reason: finish(doing) },
    ],
    usage: CHAT_USAGE,
  }),
  stream: (doing, call) => {
    const chunk = (delta: object, finish_reason: string | null) => ({
      ...CHAT_COMMON,
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta, finish_reason }],
    });
    return events(
      chunk({ role: 'assistant', ...chatPart(doing, call) }, null),
      chunk({}, finish(doing)),
      { ...CHAT_COMMON, object: 'chat.completion.chunk', choices: [], usage: CHAT_USAGE },
      '[DONE]',
    );
  },
};
const CHAT_COMMON = { id: 'chatcmpl-1', created: 1, model: 'scripted' };
const CHAT_USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
const finish = (doing: Doing) => ('text' in doing ? 'stop' : 'tool_calls');

function chatPart(doing: Doing, id: string): object {
  if ('text' in doing) return { content: doing.text };
  const call = { name: doing.name, arguments: JSON.stringify(doing.input) };
  return { content: null, tool_calls: [{ index: 0, id, type: 'function', function: call }] };
}

const MESSAGES: Script = {
  read: ({ messages, system, tools }) => ({
    tools: list(tools).map(({ name }) => name),
    results: list(messages)
      .flatMap(({ content }) => list(content))
      .flatMap((block) => (block.type === 'tool_result' ? [text(block.content)] : [])),
    said: text([system, messages]),
  }),
  whole: (doing, call) => ({
    ...MESSAGE,
    content: [
      'text' in doing
        ? { type: 'text', text: doing.text }
        : { ...toolUse(doing.name, call), input: doing.input },
    ],
    stop_reason: stop(doing),
  }),
  stream: (doing, call) => {
    const named = (event: { readonly type: string } & Record<string, unknown>) =>
      [event.type, event] as const;
    return events(
      named({ type: 'message_start', message: MESSAGE }),
      named({
        type: 'content_block_start',
        index: 0,
        content_block: 'text' in doing ? { type: 'text', text: '' } : toolUse(doing.name, call),
      }),
      named({
        type: 'content_block_delta',
        index: 0,
        delta:
          'text' in doing
            ? { type: 'text_delta', text: doing.text }
            : { type: 'input_json_delta', partial_json: JSON.stringify(doing.input) },
      }),
      named({ type: 'content_block_stop', index: 0 }),
      named({
        type: 'message_delta',
        delta: { stop_reason: stop(doing), stop_sequence: null },
        usage: { output_tokens: 5 },
      }),
      named({ type: 'message_stop' }),
    );
  },
};
const MESSAGE = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'scripted',
  content: [],
  stop_reason: null,
  stop_sequence: null,
  usage: { input_tokens: 10, output_tokens: 1 },
};
const stop = (doing: Doing) => ('text' in doing ? 'end_turn' : 'tool_use');
const toolUse = (name: string, id: string) => ({ type: 'tool_use', id, name, input: {} });

const RESPONSES: Script = {
  read: ({ input, instructions, tools }) => ({
    tools: list(tools).map(({ name }) => name),
    results: list(input).flatMap(({ type, output }) =>
      type === 'function_call_output' ? [text(output)] : [],
    ),
    said: text([instructions, input]),
  }),
  whole: (doing, call) => response(responseItem(doing, call)),
  stream: (doing, call) => {
    const item = responseItem(doing, call);
    let sequence_number = 0;
    const named = (type: string, more: object) =>
      [type, { type, sequence_number: sequence_number++, ...more }] as const;
    const at = { output_index: 0, item_id: item.id };
    const started = { ...response(), status: 'in_progress' };
    const middle =
      'text' in doing
        ? [
            named('response.output_item.added', {
              output_index: 0,
              item: { ...item, status: 'in_progress', content: [] },
            }),
            named('response.content_part.added', {
              ...at,
              content_index: 0,
              part: { type: 'output_text', text: '', annotations: [] },
            }),
            named('response.output_text.delta', { ...at, content_index: 0, delta: doing.text }),
            named('response.output_text.done', { ...at, content_index: 0, text: doing.text }),
            named('response.content_part.done', {
              ...at,
              content_index: 0,
              part: { type: 'output_text', text: doing.text, annotations: [] },
            }),
          ]
        : [
            named('response.output_item.added', {
              output_index: 0,
              item: { ...item, status: 'in_progress', arguments: '' },
            }),
            named('response.function_call_arguments.delta', { ...at, delta: JSON.stringify(doing.input) }),
            named('response.function_call_arguments.done', { ...at, arguments: JSON.stringify(doing.input) }),
          ];
    return events(
      named('response.created', { response: started }),
      ...middle,
      named('response.output_item.done', { output_index: 0, item }),
      named('response.completed', { response: response(item) }),
    );
  },
};

function response(...output: readonly object[]) {
  return {
    id: 'resp_1',
    object: 'response',
    created_at: 1,
    model: 'scripted',
    status: 'completed',
    output,
    usage: { input_tokens: 10, output_tokens: 5, total_tokens: 15 },
  };
}

function responseItem(doing: Doing, call_id: string) {
  return 'text' in doing
    ? {
        id: `msg_${call_id}`,
        type: 'message',
        role: 'assistant',
        status: 'completed',
        content: [{ type: 'output_text', text: doing.text, annotations: [] }],
      }
    : {
        id: `fc_${call_id}`,
        type: 'function_call',
        status: 'completed',
        call_id,
        name: doing.name,
        arguments: JSON.stringify(doing.input),
      };
}

const GEMINI: Script = {
  read: ({ contents, systemInstruction, tools }) => ({
    tools: list(tools).flatMap((tool) => list(tool.functionDeclarations).map(({ name }) => name)),
    results: list(contents)
      .flatMap(({ parts }) => list(parts))
      .flatMap(({ functionResponse }) => (functionResponse === undefined ? [] : [text(functionResponse)])),
    said: text([systemInstruction, contents]),
  }),
  whole: (doing) => gemini(doing),
  stream: (doing) => events(gemini(doing)),
};

function gemini(doing: Doing): object {
  const part = 'text' in doing ? doing : { functionCall: { name: doing.name, args: doing.input } };
  return {
    candidates: [{ index: 0, content: { role: 'model', parts: [part] }, finishReason: 'STOP' }],
    usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 5, totalTokenCount: 15 },
    modelVersion: 'scripted',
    responseId: 'g1',
  };
}

const SCRIPTS: Readonly<Record<ModelFormat, Script>> = {
  chat: CHAT,
  responses: RESPONSES,
  messages: MESSAGES,
  gemini: GEMINI,
};
