import type { FormatName } from '../../../src/llm/conversation/format-name.ts';
import type { HttpAnswer } from '../http.ts';
import { events } from './provider.ts';
import { sseEvents } from './sse-events.ts';

/** What an answer came to, as its client sees it. */
export interface SeenAnswer {
  readonly text: string;
  /** Whether it ended as the dialect ends what is complete. */
  readonly isComplete: boolean;
  /** The words of the error, in the dialect's own place for it. */
  readonly error: string | undefined;
}

/** One dialect as a client and as a provider speaks it, in small hand-made pieces. */
export interface Dialect {
  readonly name: FormatName;
  /** `litellm_params.model` of a provider that speaks it and nothing else. */
  readonly model: string;
  /** Path of a client's request. */
  path(model: string, isStream: boolean): string;
  request(model: string, isStream: boolean): Record<string, unknown>;
  /** The events of a stream that says "Hello world". */
  readonly stream: {
    /** Before any content. */
    readonly start: string;
    /** Says "Hello". */
    readonly content: string;
    /** Says " world", and ends. */
    readonly rest: string;
    /** A tool call whose arguments have begun. */
    readonly tool: string;
    /** An error that the provider tells inside the stream. */
    readonly error: string;
  };
  readonly whole: Record<string, unknown>;
  /** A provider's error body. */
  errorBody(message: string): Record<string, unknown>;
  seen(answer: HttpAnswer, isStream: boolean): SeenAnswer;
}

type Value = Record<string, unknown>;
const QUESTION = 'Say hello';

const chunk = (delta: object, finish: string | null = null): object => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1_700_000_000,
  model: 'm',
  choices: [{ index: 0, delta, finish_reason: finish }],
});

const chat: Dialect = {
  name: 'chat',
  model: 'custom_openai/m',
  path: () => '/v1/chat/completions',
  request: (model, stream) => ({ model, stream, messages: [{ role: 'user', content: QUESTION }] }),
  stream: {
    start: events(chunk({ role: 'assistant', content: '' })),
    content: events(chunk({ content: 'Hello' })),
    rest: events(chunk({ content: ' world' }), chunk({}, 'stop'), '[DONE]'),
    tool: events(
      chunk({
        tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'look', arguments: '' } }],
      }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '{"na' } }] }),
    ),
    error: events({ error: { message: 'too much to do', type: 'server_error', code: 'server_error' } }),
  },
  whole: {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hello world' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
  },
  errorBody: (message) => ({ error: { message, type: 'server_error', param: null, code: null } }),
  seen(answer, isStream) {
    if (!isStream) {
      const body = answer.json<{
        choices?: { message: { content: string } }[];
        error?: { message: string };
      }>();
      const text = body.choices?.[0]?.message.content ?? '';
      return { text, isComplete: body.choices !== undefined, error: body.error?.message };
    }
    const list = sseEvents(answer.text);
    let text = '';
    let error: string | undefined;
    for (const { data } of list) {
      if (data === '' || data === '[DONE]') continue;
      const value = JSON.parse(data) as {
        choices?: { delta: { content?: string } }[];
        error?: { message: string };
      };
      text += value.choices?.[0]?.delta.content ?? '';
      error ??= value.error?.message;
    }
    return { text, isComplete: list.at(-1)?.data === '[DONE]', error };
  },
};

const messages: Dialect = {
  name: 'messages',
  model: 'anthropic/m',
  path: () => '/v1/messages',
  request: (model, stream) => ({
    model,
    stream,
    max_tokens: 100,
    messages: [{ role: 'user', content: QUESTION }],
  }),
  stream: {
    start: named(
      {
        type: 'message_start',
        message: {
          id: 'msg_1',
          type: 'message',
          role: 'assistant',
          model: 'm',
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: { input_tokens: 3, output_tokens: 1 },
        },
      },
      { type: 'ping' },
    ),
    content: named(
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hello' } },
    ),
    rest: named(
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: ' world' } },
      { type: 'content_block_stop', index: 0 },
      {
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', stop_sequence: null },
        usage: { output_tokens: 2 },
      },
      { type: 'message_stop' },
    ),
    tool: named(
      {
        type: 'content_block_start',
        index: 0,
        content_block: { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} },
      },
      { type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: '{"na' } },
    ),
    error: named({ type: 'error', error: { type: 'overloaded_error', message: 'too much to do' } }),
  },
  whole: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [{ type: 'text', text: 'Hello world' }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 3, output_tokens: 2 },
  },
  errorBody: (message) => ({ type: 'error', error: { type: 'api_error', message } }),
  seen(answer, isStream) {
    if (!isStream) {
      const body = answer.json<{ type: string; content?: { text: string }[]; error?: { message: string } }>();
      const error = body.type === 'error' ? body.error?.message : undefined;
      return { text: body.content?.[0]?.text ?? '', isComplete: body.content !== undefined, error };
    }
    const list = sseEvents(answer.text);
    let text = '';
    let error: string | undefined;
    for (const { event, data } of list) {
      if (data === '') continue;
      const value = JSON.parse(data) as { delta?: { text?: string }; error?: { message: string } };
      text += value.delta?.text ?? '';
      if (event === 'error') error ??= value.error?.message;
    }
    return { text, isComplete: list.at(-1)?.event === 'message_stop', error };
  },
};

const response = (status: string, output: readonly object[], more: object = {}): Value => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1_700_000_000,
  status,
  model: 'm',
  output,
  parallel_tool_calls: true,
  tools: [],
  ...more,
});
const message = (status: string, text: string): object => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  status,
  content: text === '' ? [] : [{ type: 'output_text', text, annotations: [] }],
});
const textDelta = (delta: string): Value => ({
  type: 'response.output_text.delta',
  item_id: 'msg_1',
  output_index: 0,
  content_index: 0,
  delta,
});
const USAGE = { usage: { input_tokens: 3, output_tokens: 2, total_tokens: 5 } };

const responses: Dialect = {
  name: 'responses',
  model: 'openai/responses/m',
  path: () => '/v1/responses',
  request: (model, stream) => ({ model, stream, input: QUESTION }),
  stream: {
    start: named(
      { type: 'response.created', response: response('in_progress', []) },
      { type: 'response.in_progress', response: response('in_progress', []) },
    ),
    content: named(
      { type: 'response.output_item.added', output_index: 0, item: message('in_progress', '') },
      {
        type: 'response.content_part.added',
        item_id: 'msg_1',
        output_index: 0,
        content_index: 0,
        part: { type: 'output_text', text: '', annotations: [] },
      },
      textDelta('Hello'),
    ),
    rest: named(
      textDelta(' world'),
      {
        type: 'response.output_text.done',
        item_id: 'msg_1',
        output_index: 0,
        content_index: 0,
        text: 'Hello world',
      },
      { type: 'response.output_item.done', output_index: 0, item: message('completed', 'Hello world') },
      {
        type: 'response.completed',
        response: response('completed', [message('completed', 'Hello world')], USAGE),
      },
    ),
    tool: named(
      {
        type: 'response.output_item.added',
        output_index: 0,
        item: {
          id: 'fc_1',
          type: 'function_call',
          status: 'in_progress',
          call_id: 'call_1',
          name: 'look',
          arguments: '',
        },
      },
      {
        type: 'response.function_call_arguments.delta',
        item_id: 'fc_1',
        output_index: 0,
        delta: '{"na',
      },
    ),
    error: named({
      type: 'response.failed',
      response: response('failed', [], { error: { code: 'server_error', message: 'too much to do' } }),
    }),
  },
  whole: response('completed', [message('completed', 'Hello world')], USAGE),
  errorBody: (text) => ({ error: { message: text, type: 'server_error', param: null, code: null } }),
  seen(answer, isStream) {
    if (!isStream) {
      const body = answer.json<{
        status?: string;
        output?: { content: { text: string }[] }[];
        error?: { message: string };
      }>();
      const text = body.output?.at(-1)?.content[0]?.text ?? '';
      return { text, isComplete: body.status === 'completed', error: body.error?.message };
    }
    const list = sseEvents(answer.text);
    let text = '';
    let error: string | undefined;
    for (const { event, data } of list) {
      if (data === '') continue;
      const value = JSON.parse(data) as {
        delta?: string;
        response?: { error?: { message: string } | null };
      };
      if (event === 'response.output_text.delta') text += value.delta ?? '';
      if (event === 'response.failed') error ??= value.response?.error?.message;
    }
    return { text, isComplete: list.some(({ event }) => event === 'response.completed'), error };
  },
};

const part = (parts: readonly object[], more: object = {}): object => ({
  candidates: [{ index: 0, content: { role: 'model', parts }, ...more }],
  modelVersion: 'm',
  responseId: 'r1',
  usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 2, totalTokenCount: 5 },
});

const gemini: Dialect = {
  name: 'gemini',
  model: 'gemini/m',
  path: (model, isStream) =>
    `/v1beta/models/${model}:${isStream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
  request: () => ({ contents: [{ role: 'user', parts: [{ text: QUESTION }] }] }),
  stream: {
    start: events({ usageMetadata: { promptTokenCount: 3 }, modelVersion: 'm', responseId: 'r1' }),
    content: events(part([{ text: 'Hello' }])),
    rest: events(part([{ text: ' world' }], { finishReason: 'STOP' })),
    tool: events(part([{ functionCall: { name: 'look', args: { name: 'x' } } }])),
    error: events({ error: { code: 503, message: 'too much to do', status: 'UNAVAILABLE' } }),
  },
  whole: part([{ text: 'Hello world' }], { finishReason: 'STOP' }) as Value,
  errorBody: (text) => ({ error: { code: 500, message: text, status: 'INTERNAL' } }),
  seen(answer, isStream) {
    interface Piece {
      candidates?: { content?: { parts?: { text?: string }[] }; finishReason?: string }[];
      error?: { message: string };
    }
    const list = isStream
      ? sseEvents(answer.text.replaceAll('\r\n', '\n').replaceAll(/^\n|(?<=\n\n)\n+/g, ''))
          .filter(({ data }) => data !== '')
          .map(({ data }) => JSON.parse(data) as Piece)
      : [answer.json<Piece>()];
    const parts = list.flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? []);
    return {
      text: parts.map(({ text }) => text ?? '').join(''),
      isComplete: list.some(({ candidates }) => candidates?.[0]?.finishReason !== undefined),
      error: list.find(({ error }) => error !== undefined)?.error?.message,
    };
  },
};

function named(...list: readonly Value[]): string {
  return events(...list.map((one) => [String(one['type']), one] as const));
}

export const DIALECTS: readonly Dialect[] = [chat, messages, responses, gemini];
