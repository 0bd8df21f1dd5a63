import { z } from 'zod';
import { GatewayError } from '../../core/errors.ts';
import type { Quoted } from '../../llm/quote.ts';
import { operation } from '../operation.ts';
import { invalidField } from '../read-input.ts';

const tokens = z.number().int().min(0).nullish();

/** `POST /spend/calculate` */
export const calculate = operation({
  method: 'POST',
  path: '/spend/calculate',
  who: 'any key',
  group: 'Spend',
  summary:
    'What a request would cost (model and messages; its input is estimated), or what an answer did cost.',
  body: z
    .strictObject({
      model: z.string().min(1).max(200).nullish(),
      messages: z.array(z.record(z.string(), z.unknown())).nullish(),
      completion_response: z
        .looseObject({
          model: z.string(),
          usage: z.looseObject({ prompt_tokens: tokens, completion_tokens: tokens }).nullish(),
        })
        .nullish()
        .describe('An answer of /v1/chat/completions.'),
    })
    .superRefine((body, context) => {
      if (!body.model && !body.completion_response)
        context.addIssue({ code: 'custom', path: ['model'], message: 'or completion_response is missing' });
      if (body.model && !body.messages)
        context.addIssue({
          code: 'custom',
          path: ['messages'],
          message: 'is missing, which goes with model',
        });
    }),
  example: { body: { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello' }] } },
  answer: z.object({ cost: z.number().describe('US dollars') }),
  handle: ({ body }, { models }) => {
    const { completion_response: response } = body;
    const model = body.model ?? response?.model ?? '';
    const known = models.has(model);
    if (!known)
      throw new GatewayError('model-unknown', { model: model.slice(0, 200) }, { data: { param: 'model' } });
    const cost = body.model
      ? models.quote(model, { request: { model, messages: body.messages } } as Quoted)
      : models.quote(model, {
          usage: {
            input: response?.usage?.prompt_tokens ?? 0,
            output: response?.usage?.completion_tokens ?? 0,
          },
        });
    if (cost === undefined)
      throw invalidField('model', `"${model}" has no price (model_info.input_cost_per_token)`);
    return { cost };
  },
});
