import { events } from './provider.ts';
import { CALLS, FIRST_TEXT, LAST_TEXT, THOUGHT } from './sdk-turn.ts';
import type { Upstream } from './upstream.ts';
import { listIn, membersIn, textsIn } from './wire-members.ts';

const SEAL = 'EqoBCkgIARABGAIiQL2UoU0b1OHYi+yCHpBY7U6FQW8/Xk==';
const COMMON = {
  id: 'gen-1756821410-Zk3q',
  provider: 'Anthropic',
  model: 'anthropic/claude-sonnet-4',
  created: 1_756_821_410,
};
const IDS = ['toolu_01Jb3', 'toolu_01Kc4'] as const;
const USAGE = {
  prompt_tokens: 120,
  completion_tokens: 80,
  total_tokens: 200,
  cost: 0.00033,
  prompt_tokens_details: { cached_tokens: 64 },
  completion_tokens_details: { reasoning_tokens: 30 },
};
const LAST_USAGE = {
  prompt_tokens: 240,
  completion_tokens: 12,
  total_tokens: 252,
  prompt_tokens_details: { cached_tokens: 128 },
  completion_tokens_details: { reasoning_tokens: 0 },
};

const detail = (members: object) => ({
  type: 'reasoning.text',
  format: 'anthropic-claude-v1',
  index: 0,
  ...members,
});
const call = (index: number, name: string, text: string) => ({
  index,
  id: IDS[index],
  type: 'function',
  function: { name, arguments: text },
});
const chunk = (delta: object, finish: string | null = null) => ({
  ...COMMON,
  object: 'chat.completion.chunk',
  choices: [
    {
      index: 0,
      delta: { role: 'assistant', ...delta },
      finish_reason: finish,
      native_finish_reason: finish,
      logprobs: null,
    },
  ],
});
const whole = (message: object, finish: string, usage: object) => ({
  ...COMMON,
  object: 'chat.completion',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', refusal: null, ...message },
      finish_reason: finish,
      native_finish_reason: finish,
      logprobs: null,
    },
  ],
  usage,
});
const ended = (finish: string, usage: object) => [
  chunk({ content: '' }, finish),
  { ...chunk({ content: '' }), usage },
  '[DONE]',
];

/** Chat Completions with thoughts, as OpenRouter has them. https://openrouter.ai/docs/use-cases/reasoning-tokens */
export const CHAT_UPSTREAM: Upstream = {
  name: 'Chat Completions',
  model: 'anthropic/claude-sonnet-4',
  params: (url) => ({ model: 'openrouter/anthropic/claude-sonnet-4', api_base: `${url}/api/v1` }),
  seal: SEAL,
  callIds: IDS,
  first: {
    whole: whole(
      {
        content: FIRST_TEXT,
        reasoning: THOUGHT,
        reasoning_details: [detail({ text: THOUGHT, signature: SEAL })],
        tool_calls: CALLS.map(({ name, input }, index) => call(index, name, JSON.stringify(input))),
      },
      'tool_calls',
      USAGE,
    ),
    stream:
      ': OPENROUTER PROCESSING\n\n' +
      events(
        ...[THOUGHT.slice(0, 20), THOUGHT.slice(20)].map((text) =>
          chunk({ content: '', reasoning: text, reasoning_details: [detail({ text })] }),
        ),
        chunk({ content: '', reasoning: null, reasoning_details: [detail({ signature: SEAL })] }),
        chunk({ content: FIRST_TEXT.slice(0, 9) }),
        chunk({ content: FIRST_TEXT.slice(9) }),
        chunk({ content: null, tool_calls: [call(0, CALLS[0].name, '')] }),
        chunk({
          content: null,
          tool_calls: [{ index: 0, type: 'function', function: { arguments: '{"city": "Kö' } }],
        }),
        chunk({
          content: null,
          tool_calls: [{ index: 0, type: 'function', function: { arguments: 'ln", "days": 2}' } }],
        }),
        chunk({ content: null, tool_calls: [call(1, CALLS[1].name, '')] }),
        chunk({ content: null, tool_calls: [{ index: 1, function: { arguments: '{"zone": "JST"}' } }] }),
        ...ended('tool_calls', USAGE),
      ),
  },
  last: {
    whole: whole({ content: LAST_TEXT, reasoning: null }, 'stop', LAST_USAGE),
    stream: events(
      chunk({ content: LAST_TEXT.slice(0, 7) }),
      chunk({ content: LAST_TEXT.slice(7) }),
      ...ended('stop', LAST_USAGE),
    ),
  },
  read({ url, body }) {
    const messages = listIn(body['messages']);
    const by = (...roles: string[]) => messages.filter(({ role }) => roles.includes(String(role)));
    const asked = listIn(by('user')[0]?.['content']);
    const image = asked.find(({ type }) => type === 'image_url');
    return {
      path: url,
      model: String(body['model']),
      system: by('system', 'developer')
        .map(({ content }) => textsIn(content))
        .join(''),
      question: textsIn(asked),
      image: String(membersIn(image?.['image_url'])['url']).replace('data:image/png;base64,', ''),
      tools: listIn(body['tools']).map((tool) => {
        const { name, description, parameters } = membersIn(tool['function']);
        return { name: String(name), description: String(description), schema: parameters };
      }),
      isStream: body['stream'] === true,
      thinks: body['reasoning_effort'] !== undefined,
      seals: by('assistant')
        .flatMap((message) => listIn(message['reasoning_details']))
        .flatMap(({ signature }) => (typeof signature === 'string' ? [signature] : [])),
      calls: by('assistant')
        .flatMap((message) => listIn(message['tool_calls']))
        .map((one) => {
          const { name, arguments: text } = membersIn(one['function']);
          return { id: String(one['id']), name: String(name), input: JSON.parse(String(text)) as unknown };
        }),
      results: Object.fromEntries(
        by('tool').map(({ tool_call_id: id, content }) => [String(id), textsIn(content)]),
      ),
    };
  },
};
