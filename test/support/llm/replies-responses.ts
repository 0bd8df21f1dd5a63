import { events } from './provider.ts';
import { CALLS, FIRST_TEXT, LAST_TEXT, THOUGHT } from './sdk-turn.ts';
import type { Upstream } from './upstream.ts';
import { listIn, textsIn } from './wire-members.ts';

const SEAL = 'gAAAAABpSagvR5_xq-Zk0b+/3Wc9vY7dQ==';
const IDS = ['call_Qx3mP0aZ', 'call_Ry4nQ1bY'] as const;
const USAGE = {
  input_tokens: 120,
  input_tokens_details: { cached_tokens: 64 },
  output_tokens: 80,
  output_tokens_details: { reasoning_tokens: 30 },
  total_tokens: 200,
};
const LAST_USAGE = {
  input_tokens: 240,
  input_tokens_details: { cached_tokens: 128 },
  output_tokens: 12,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 252,
};

type Members = Readonly<Record<string, unknown>>;

const part = (text: string) => ({ type: 'output_text', annotations: [], logprobs: [], text });
const message = (id: string, text: string) => ({
  id,
  type: 'message',
  status: 'completed',
  content: [part(text)],
  role: 'assistant',
});
const REASONING = {
  id: 'rs_04a97b4fce12',
  type: 'reasoning',
  summary: [{ type: 'summary_text', text: THOUGHT }],
  encrypted_content: SEAL,
};
const FIRST_OUTPUT: readonly Members[] = [
  REASONING,
  message('msg_04a97b4fce13', FIRST_TEXT),
  ...CALLS.map(({ name, input }, index) => ({
    id: `fc_04a97b4fce1${index + 4}`,
    type: 'function_call',
    status: 'completed',
    arguments: JSON.stringify(input),
    call_id: IDS[index],
    name,
  })),
];
const LAST_OUTPUT: readonly Members[] = [message('msg_04a97b4fce16', LAST_TEXT)];

const response = (id: string, output: readonly Members[], usage: object | null) => ({
  id,
  object: 'response',
  created_at: 1_766_434_871,
  model: 'gpt-5.2-2025-12-11',
  status: usage === null ? 'in_progress' : 'completed',
  error: null,
  incomplete_details: null,
  instructions: null,
  metadata: {},
  output: usage === null ? [] : output,
  parallel_tool_calls: true,
  reasoning: { effort: 'low', summary: 'auto' },
  store: false,
  temperature: 1,
  text: { format: { type: 'text' }, verbosity: 'medium' },
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  usage,
});

/** The events of an item, which comes empty, in two pieces, and whole. */
function itemEvents(item: Members, at: number): readonly (Members & { readonly type: string })[] {
  const place = { item_id: item['id'], output_index: at };
  const pieces = (text: string) => [text.slice(0, 10), text.slice(10)];
  const added = { type: 'response.output_item.added', output_index: at };
  const done = { type: 'response.output_item.done', output_index: at, item };
  if (item['type'] === 'reasoning') {
    const { encrypted_content: _seal, ...open } = item;
    const summary = { ...place, summary_index: 0 };
    return [
      { ...added, item: { ...open, summary: [] } },
      { type: 'response.reasoning_summary_part.added', ...summary, part: { type: 'summary_text', text: '' } },
      ...pieces(THOUGHT).map((delta) => ({
        type: 'response.reasoning_summary_text.delta',
        ...summary,
        delta,
      })),
      { type: 'response.reasoning_summary_text.done', ...summary, text: THOUGHT },
      {
        type: 'response.reasoning_summary_part.done',
        ...summary,
        part: { type: 'summary_text', text: THOUGHT },
      },
      done,
    ];
  }
  if (item['type'] === 'message') {
    const text = textsIn(item['content']);
    const content = { ...place, content_index: 0 };
    return [
      { ...added, item: { ...item, status: 'in_progress', content: [] } },
      { type: 'response.content_part.added', ...content, part: part('') },
      ...pieces(text).map((delta) => ({
        type: 'response.output_text.delta',
        ...content,
        delta,
        logprobs: [],
      })),
      { type: 'response.output_text.done', ...content, text, logprobs: [] },
      { type: 'response.content_part.done', ...content, part: part(text) },
      done,
    ];
  }
  const text = String(item['arguments']);
  return [
    { ...added, item: { ...item, status: 'in_progress', arguments: '' } },
    ...pieces(text).map((delta) => ({ type: 'response.function_call_arguments.delta', ...place, delta })),
    { type: 'response.function_call_arguments.done', ...place, arguments: text },
    done,
  ];
}

function stream(id: string, output: readonly Members[], usage: object): string {
  const list = [
    { type: 'response.created', response: response(id, output, null) },
    { type: 'response.in_progress', response: response(id, output, null) },
    ...output.flatMap(itemEvents),
    { type: 'response.completed', response: response(id, output, usage) },
  ];
  return events(
    ...list.map((event, at): readonly [string, object] => [event.type, { ...event, sequence_number: at }]),
  );
}

/** Responses, as OpenAI streams them to those who do not store. https://platform.openai.com/docs/api-reference/responses-streaming */
export const RESPONSES_UPSTREAM: Upstream = {
  name: 'Responses',
  model: 'gpt-5.2',
  params: (url) => ({ model: 'openai/responses/gpt-5.2', api_base: `${url}/v1` }),
  seal: SEAL,
  callIds: IDS,
  first: {
    whole: response('resp_04a97b4fce11', FIRST_OUTPUT, USAGE),
    stream: stream('resp_04a97b4fce11', FIRST_OUTPUT, USAGE),
  },
  last: {
    whole: response('resp_04a97b4fce21', LAST_OUTPUT, LAST_USAGE),
    stream: stream('resp_04a97b4fce21', LAST_OUTPUT, LAST_USAGE),
  },
  read({ url, body }) {
    const items = listIn(body['input']);
    const of = (type: string) => items.filter((item) => item['type'] === type);
    const asked = listIn(items.find(({ role }) => role === 'user')?.['content']);
    const image = asked.find(({ type }) => type === 'input_image');
    return {
      path: url,
      model: String(body['model']),
      system: textsIn(body['instructions']),
      question: textsIn(asked),
      image: String(image?.['image_url']).replace('data:image/png;base64,', ''),
      tools: listIn(body['tools']).map(({ name, description, parameters }) => ({
        name: String(name),
        description: String(description),
        schema: parameters,
      })),
      isStream: body['stream'] === true,
      thinks: body['reasoning'] !== undefined,
      seals: of('reasoning').flatMap(({ encrypted_content: seal }) =>
        typeof seal === 'string' ? [seal] : [],
      ),
      calls: of('function_call').map(({ call_id: id, name, arguments: text }) => ({
        id: String(id),
        name: String(name),
        input: JSON.parse(String(text)) as unknown,
      })),
      results: Object.fromEntries(
        of('function_call_output').map(({ call_id: id, output }) => [String(id), textsIn(output)]),
      ),
    };
  },
};
