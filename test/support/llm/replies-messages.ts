import { events } from './provider.ts';
import { CALLS, FIRST_TEXT, LAST_TEXT, THOUGHT } from './sdk-turn.ts';
import type { Upstream } from './upstream.ts';
import { listIn, membersIn, textsIn } from './wire-members.ts';

const SEAL = 'EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds+/w==';
const IDS = ['toolu_01XqLcN', 'toolu_01YrMdP'] as const;
const COMMON = { model: 'claude-sonnet-4-5-20250929', type: 'message', role: 'assistant' };
const INPUT = {
  input_tokens: 56,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 64,
  cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
  service_tier: 'standard',
};
const LAST_INPUT = { ...INPUT, input_tokens: 112, cache_read_input_tokens: 128 };
const OUTPUT = { output_tokens: 80, output_tokens_details: { thinking_tokens: 30 } };

const named = (value: { readonly type: string }): readonly [string, object] => [value.type, value];
const block = (index: number, start: object, ...deltas: readonly object[]) => [
  named({ type: 'content_block_start', index, content_block: start } as never),
  ...deltas.map((delta) => named({ type: 'content_block_delta', index, delta } as never)),
  named({ type: 'content_block_stop', index } as never),
];
const begun = (id: string, usage: object) => [
  named({
    type: 'message_start',
    message: {
      ...COMMON,
      id,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { ...usage, output_tokens: 2 },
    },
  } as never),
];
const ended = (stop: string, usage: object) => [
  named({ type: 'message_delta', delta: { stop_reason: stop, stop_sequence: null }, usage } as never),
  named({ type: 'message_stop' }),
];
const json = (text: string) => ({ type: 'input_json_delta', partial_json: text });

/** Messages, as Anthropic streams them. https://docs.anthropic.com/en/docs/build-with-claude/streaming */
export const MESSAGES_UPSTREAM: Upstream = {
  name: 'Messages',
  model: 'claude-sonnet-4-5',
  params: (url) => ({ model: 'anthropic/claude-sonnet-4-5', api_base: url }),
  seal: SEAL,
  callIds: IDS,
  first: {
    whole: {
      ...COMMON,
      id: 'msg_01First',
      content: [
        { type: 'thinking', thinking: THOUGHT, signature: SEAL },
        { type: 'text', text: FIRST_TEXT },
        ...CALLS.map(({ name, input }, index) => ({ type: 'tool_use', id: IDS[index], name, input })),
      ],
      stop_reason: 'tool_use',
      stop_sequence: null,
      usage: { ...INPUT, ...OUTPUT },
    },
    stream: events(
      ...begun('msg_01First', INPUT),
      ...block(
        0,
        { type: 'thinking', thinking: '', signature: '' },
        { type: 'thinking_delta', thinking: THOUGHT.slice(0, 24) },
        { type: 'thinking_delta', thinking: THOUGHT.slice(24) },
        { type: 'signature_delta', signature: SEAL },
      ),
      named({ type: 'ping' }),
      ...block(
        1,
        { type: 'text', text: '' },
        { type: 'text_delta', text: FIRST_TEXT.slice(0, 8) },
        { type: 'text_delta', text: FIRST_TEXT.slice(8) },
      ),
      ...block(
        2,
        { type: 'tool_use', id: IDS[0], name: CALLS[0].name, input: {} },
        json(''),
        json('{"city": "K'),
        json('öln", "days"'),
        json(': 2}'),
      ),
      ...block(
        3,
        { type: 'tool_use', id: IDS[1], name: CALLS[1].name, input: {} },
        json(''),
        json('{"zone": "JST"}'),
      ),
      ...ended('tool_use', { ...INPUT, ...OUTPUT }),
    ),
  },
  last: {
    whole: {
      ...COMMON,
      id: 'msg_01Last',
      content: [{ type: 'text', text: LAST_TEXT }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { ...LAST_INPUT, output_tokens: 12 },
    },
    stream: events(
      ...begun('msg_01Last', LAST_INPUT),
      ...block(0, { type: 'text', text: '' }, { type: 'text_delta', text: LAST_TEXT }),
      ...ended('end_turn', { output_tokens: 12 }),
    ),
  },
  read({ url, body }) {
    const messages = listIn(body['messages']);
    const blocks = (role: string) =>
      messages.filter((message) => message['role'] === role).flatMap(({ content }) => listIn(content));
    const [asked] = messages;
    const image = listIn(asked?.['content']).find(({ type }) => type === 'image');
    return {
      path: url,
      model: String(body['model']),
      system: textsIn(body['system']),
      question: textsIn(asked?.['content']),
      image: String(membersIn(image?.['source'])['data']),
      tools: listIn(body['tools']).map(({ name, description, input_schema: schema }) => ({
        name: String(name),
        description: String(description),
        schema,
      })),
      isStream: body['stream'] === true,
      thinks: membersIn(body['thinking'])['type'] === 'enabled',
      seals: blocks('assistant').flatMap(({ signature }) =>
        typeof signature === 'string' ? [signature] : [],
      ),
      calls: blocks('assistant')
        .filter(({ type }) => type === 'tool_use')
        .map(({ id, name, input }) => ({ id: String(id), name: String(name), input })),
      results: Object.fromEntries(
        blocks('user')
          .filter(({ type }) => type === 'tool_result')
          .map(({ tool_use_id: id, content }) => [String(id), textsIn(content)]),
      ),
    };
  },
};
