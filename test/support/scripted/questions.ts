import {
  isModern,
  type Json,
  type Message,
  type Said,
  type ScriptedKind,
  type ScriptedServer,
} from './scripted-server.ts';

/** Everything that a server may ask, with an answer to it. */
export const QUESTIONS = {
  'a form': {
    method: 'elicitation/create',
    params: {
      message: 'Wer?',
      requestedSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
      'x-new': [1],
    },
    answer: { action: 'accept', content: { name: 'Jörg' }, 'x-back': null },
  },
  'a web page': {
    method: 'elicitation/create',
    params: { mode: 'url', elicitationId: 'visit-1', url: 'https://example.org/pay?x=1', message: 'Pay' },
    answer: { action: 'accept' },
  },
  'a model with tools': {
    method: 'sampling/createMessage',
    params: {
      messages: [{ role: 'user', content: { type: 'text', text: 'Hi' } }],
      maxTokens: 5,
      tools: [{ name: 'look', inputSchema: { type: 'object' } }],
      toolChoice: { mode: 'required' },
    },
    answer: {
      role: 'assistant',
      model: 'm',
      stopReason: 'toolUse',
      content: [{ type: 'tool_use', id: 't1', name: 'look', input: {} }],
    },
  },
  'the roots': {
    method: 'roots/list',
    params: { 'x-new': true },
    answer: { roots: [{ uri: 'file:///home/anna', name: 'home' }] },
  },
} as const satisfies Readonly<Record<string, { method: string; params: Json; answer: Json }>>;

export type QuestionName = keyof typeof QUESTIONS;
export const QUESTION_NAMES = Object.keys(QUESTIONS) as QuestionName[];

/** What a client declares that can answer all of them. */
export const EVERYTHING = {
  elicitation: { form: {}, url: {} },
  sampling: { tools: {}, context: {} },
  roots: {},
} as const;

export interface Outcome {
  /** The replies to the questions, in their order. */
  readonly replies: readonly Message[];
  /** The request that is to be answered now. */
  readonly call: Said;
}

/** A stateless server's answer that asks. */
export function inputRequired(
  questions: readonly { readonly method: string; readonly params: Json }[],
  state?: string,
): Json {
  return {
    resultType: 'input_required',
    inputRequests: Object.fromEntries(
      questions.map(({ method, params }, at) => [`q${at}`, { method, params }]),
    ),
    ...(state === undefined ? {} : { requestState: state }),
  };
}

/**
 * Asks the client in the way of the server's era: as requests on the stream of the call, or with `input_required` as its answer, whose
 * retry is the call from then on.
 */
export async function askAll(
  kind: ScriptedKind,
  server: ScriptedServer,
  call: Said,
  questions: readonly { readonly method: string; readonly params: Json }[],
  state?: string,
): Promise<Outcome> {
  if (!isModern(kind))
    return {
      replies: await Promise.all(questions.map(({ method, params }) => call.ask(method, params))),
      call,
    };
  call.reply(inputRequired(questions, state));
  const retry = await server.next('tools/call');
  const responses = retry.message.params?.['inputResponses'] as Readonly<Record<string, Json>>;
  return { replies: questions.map((_, at) => ({ result: responses[`q${at}`]! })), call: retry };
}
