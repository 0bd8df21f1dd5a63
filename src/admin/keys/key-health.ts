import { z } from 'zod';
import { operation } from '../operation.ts';

/** `POST /key/health` */
export const keyHealth = operation({
  method: 'POST',
  path: '/key/health',
  who: 'any key',
  group: 'Keys',
  summary: 'Says that the key of the request works; one that does not is refused.',
  example: {},
  answer: z.object({ key: z.literal('healthy'), logging_callbacks: z.null() }),
  handle: () => ({ key: 'healthy', logging_callbacks: null }),
});
