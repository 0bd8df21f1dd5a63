import { z } from 'zod';
import type { QuotedRequest } from '../../llm/quote.ts';
import { operation } from '../operation.ts';

/** `POST /utils/token_counter` */
export const countTokens = operation({
  method: 'POST',
  path: '/utils/token_counter',
  who: 'any key',
  group: 'Gateway',
  summary:
    'Estimates the tokens of a request without asking a provider. /v1/messages/count_tokens and its like ask the provider.',
  query: z.strictObject({
    call_endpoint: z.string().optional().describe('LiteLLM has it; here it has no effect.'),
  }),
  body: z
    .strictObject({
      model: z.string().min(1).max(200),
      messages: z.array(z.record(z.string(), z.unknown())).nullish(),
      prompt: z.string().nullish(),
    })
    .refine(({ messages, prompt }) => Boolean(messages ?? prompt), {
      path: ['messages'],
      error: 'or prompt is missing',
    }),
  example: { body: { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello' }] } },
  answer: z.object({
    total_tokens: z.int(),
    request_model: z.string(),
    model_used: z.string(),
    tokenizer_type: z.literal('estimate'),
  }),
  handle: ({ body }, { models }) => ({
    total_tokens: models.tokens({
      model: body.model,
      messages: body.messages ?? [{ role: 'user', content: body.prompt ?? '' }],
    } as QuotedRequest),
    request_model: body.model,
    model_used: body.model,
    tokenizer_type: 'estimate',
  }),
});
