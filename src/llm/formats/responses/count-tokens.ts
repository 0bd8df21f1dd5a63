import type { Counter } from '../../conversation/format.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import { numberOf } from './json-members.ts';

/** What `POST /v1/responses/input_tokens` takes of a request for a response (OpenAI, "Get input token counts"). */
const COUNTED = [
  'model',
  'input',
  'instructions',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'reasoning',
  'text',
  'truncation',
] as const;

export const COUNTER: Counter = {
  body: (request): JsonObject =>
    Object.fromEntries(COUNTED.flatMap((name) => (name in request ? [[name, request[name]]] : []))),
  read: (answer) => numberOf(answer['input_tokens']),
  write: (tokens) => ({ object: 'response.input_tokens', input_tokens: tokens }),
};
