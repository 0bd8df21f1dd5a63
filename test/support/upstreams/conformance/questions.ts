import { text } from './content.ts';
import type { Json, Question } from './turn.ts';

export const elicit = (message: string, requestedSchema: Json): Question => ({
  method: 'elicitation/create',
  params: { message, requestedSchema },
});

export const sample = (prompt: string, maxTokens: number): Question => ({
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: text(prompt) }], maxTokens },
});

export const listRoots = (): Question => ({ method: 'roots/list', params: {} });
