import { z } from 'zod';
import { operation } from '../operation.ts';

/** `POST /v1/ledger/code` */
export const codeOfSecret = operation({
  method: 'POST',
  path: '/v1/ledger/code',
  who: 'master key',
  group: 'Ledger',
  summary:
    'What stands in the ledger for a secret, so that calls with the same one can be looked for; and the code of a text as arguments. The text itself is kept nowhere.',
  body: z.strictObject({ value: z.string().min(1).max(100_000) }),
  example: { body: { value: 'hunter2' } },
  answer: z.object({ mark: z.string(), digest: z.string() }),
  handle: ({ body }, { redactor }) => ({
    mark: redactor().mark(body.value),
    digest: redactor().digest(body.value),
  }),
});
