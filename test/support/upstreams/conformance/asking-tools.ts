import { object, result, text } from './content.ts';
import { elicit, listRoots, sample } from './questions.ts';
import {
  type Answer,
  accepted,
  type Feature,
  type Json,
  type Question,
  RpcError,
  type Turn,
} from './turn.ts';

const NAME = () => elicit('What is your name?', object({ name: { type: 'string' } }));
const CONFIRM = () => elicit('Please confirm', object({ ok: { type: 'boolean' } }));

const tool = (
  name: string,
  description: string,
  answer: (turn: Turn) => Answer,
  inputSchema: Json = { type: 'object', properties: {} },
): Feature => ({ listed: { name, description, inputSchema }, answer });

/** A tool that asks one question and tells the answer, whatever it is. */
const asker = (
  name: string,
  description: string,
  question: (args: Json) => Question,
  tell: (response: Json) => string,
  properties: Json = {},
): Feature =>
  tool(
    name,
    description,
    ({ args, responses }) => {
      const response = responses['answer'];
      return typeof response === 'object' && response !== null
        ? result(text(tell(response as Json)))
        : { ask: { answer: question(args) } };
    },
    object(properties),
  );

const outcome = (response: Json): string =>
  `action=${String(response['action'])}, content=${JSON.stringify(response['content'] ?? {})}`;

const sampled = (response: unknown): string | undefined =>
  (response as { content?: { text?: string } } | undefined)?.content?.text;

const roots = (response: unknown): readonly { readonly uri: string }[] | undefined => {
  const listed = (response as { roots?: unknown } | undefined)?.roots;
  return Array.isArray(listed) ? (listed as { uri: string }[]) : undefined;
};

const titled = (word: string): Json[] => [
  { const: 'value1', title: `First ${word}` },
  { const: 'value2', title: `Second ${word}` },
  { const: 'value3', title: `Third ${word}` },
];

const WITH_DEFAULTS: Json = {
  type: 'object',
  properties: {
    name: { type: 'string', description: 'Name', default: 'John Doe' },
    age: { type: 'integer', description: 'Age', default: 30 },
    score: { type: 'number', description: 'Score', default: 95.5 },
    status: {
      type: 'string',
      description: 'Status',
      enum: ['active', 'inactive', 'pending'],
      default: 'active',
    },
    verified: { type: 'boolean', description: 'Verified or not', default: true },
  },
  required: [],
};

const WITH_ENUMS: Json = {
  type: 'object',
  properties: {
    untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
    titledSingle: { type: 'string', oneOf: titled('Option') },
    legacyEnum: {
      type: 'string',
      enum: ['opt1', 'opt2', 'opt3'],
      enumNames: ['Option One', 'Option Two', 'Option Three'],
    },
    untitledMulti: {
      type: 'array',
      minItems: 1,
      maxItems: 3,
      items: { type: 'string', enum: ['option1', 'option2', 'option3'] },
    },
    titledMulti: { type: 'array', minItems: 1, maxItems: 3, items: { anyOf: titled('Choice') } },
  },
  required: [],
};

/** Asks only what the client declared that it can answer. */
function byCapability({ capabilities, responses }: Turn): Answer {
  if (Object.keys(responses).length > 0)
    return result(text(`Answered: ${Object.keys(responses).sort().join(', ')}`));
  const ask: Record<string, Question> = {};
  if (capabilities['elicitation'] !== undefined) ask['user_name'] = NAME();
  if (capabilities['sampling'] !== undefined) ask['greeting'] = sample('Generate a greeting', 50);
  if (capabilities['roots'] !== undefined) ask['client_roots'] = listRoots();
  return Object.keys(ask).length > 0 ? { ask } : result(text('There is nothing that can be asked.'));
}

function everythingAtOnce({ responses }: Turn): Answer {
  const name = accepted(responses, 'user_name')?.['name'];
  const greeting = sampled(responses['greeting']);
  const listed = roots(responses['client_roots']);
  if (typeof name === 'string' && greeting !== undefined && listed !== undefined)
    return result(text(`${greeting} ${name}, of ${listed.length} roots`));
  return {
    ask: { user_name: NAME(), greeting: sample('Generate a greeting', 50), client_roots: listRoots() },
    state: { tool: 'everything' },
  };
}

function twoRounds({ responses, state }: Turn): Answer {
  const name = accepted(responses, 'step1')?.['name'];
  if (state?.['round'] === 1 && typeof name === 'string')
    return {
      ask: {
        step2: elicit('Step 2: What is your favorite color?', object({ color: { type: 'string' } })),
      },
      state: { round: 2, name },
    };
  const color = accepted(responses, 'step2')?.['color'];
  if (state?.['round'] === 2 && typeof color === 'string')
    return result(text(`${String(state['name'])} likes ${color}`));
  return {
    ask: { step1: elicit('Step 1: What is your name?', object({ name: { type: 'string' } })) },
    state: { round: 1 },
  };
}

/** Asks for a confirmation, and refuses one that comes without the state that went out with the question. */
const confirmed =
  (word: string) =>
  ({ responses, state }: Turn): Answer => {
    if (accepted(responses, 'confirm') === undefined) return { ask: { confirm: CONFIRM() }, state: { word } };
    if (state?.['word'] !== word)
      throw new RpcError(-32602, 'The answer came without the state of its question', { word });
    return result(text(`${word}: the state came back as it was.`));
  };

/** Tools that need something of the client before they can answer. */
export const ASKING_TOOLS: readonly Feature[] = [
  asker(
    'test_sampling',
    'Asks the model of the client.',
    ({ prompt }) => sample(String(prompt), 100),
    (response) => `LLM response: ${sampled(response) ?? ''}`,
    { prompt: { type: 'string' } },
  ),
  asker(
    'test_elicitation',
    'Asks the user.',
    ({ message }) =>
      elicit(String(message), object({ username: { type: 'string' }, email: { type: 'string' } })),
    (response) => `User response: ${outcome(response)}`,
    { message: { type: 'string' } },
  ),
  asker(
    'test_elicitation_sep1034_defaults',
    'Asks the user, with a default for everything.',
    () => elicit('Please review and update the fields', WITH_DEFAULTS),
    (response) => `Elicitation completed: ${outcome(response)}`,
  ),
  asker(
    'test_elicitation_sep1330_enums',
    'Asks the user to choose, in every way there is.',
    () => elicit('Please select options', WITH_ENUMS),
    (response) => `Elicitation completed: ${outcome(response)}`,
  ),
  tool('test_missing_capability', 'Needs sampling, declared or not.', ({ responses }) =>
    sampled(responses['answer']) === undefined
      ? { ask: { answer: sample('Reply with the single word: pong', 16) } }
      : result(text('The model answered.')),
  ),
  tool('test_input_required_result_elicitation', 'Asks for a name.', ({ responses }) => {
    const name = accepted(responses, 'user_name')?.['name'];
    return typeof name === 'string' ? result(text(`Hello, ${name}!`)) : { ask: { user_name: NAME() } };
  }),
  tool('test_input_required_result_sampling', 'Asks for a capital.', ({ responses }) => {
    const answer = sampled(responses['capital_question']);
    return answer === undefined
      ? { ask: { capital_question: sample('What is the capital of France?', 100) } }
      : result(text(`The model says: ${answer}`));
  }),
  tool('test_input_required_result_list_roots', 'Asks for the roots.', ({ responses }) => {
    const listed = roots(responses['client_roots']);
    return listed === undefined
      ? { ask: { client_roots: listRoots() } }
      : result(text(`Roots: ${listed.map(({ uri }) => uri).join(', ')}`));
  }),
  tool(
    'test_input_required_result_request_state',
    'Asks for a confirmation, with state.',
    confirmed('state-ok'),
  ),
  tool(
    'test_input_required_result_tampered_state',
    'Asks for a confirmation, with state that nobody may change.',
    confirmed('untouched'),
  ),
  tool('test_input_required_result_multiple_inputs', 'Asks three things at once.', everythingAtOnce),
  tool('test_input_required_result_multi_round', 'Asks two things, one after the other.', twoRounds),
  tool('test_input_required_result_capabilities', 'Asks what the client can answer.', byCapability),
];
