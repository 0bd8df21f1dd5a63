import { z } from 'zod';
import { GatewayError } from '../../core/errors.ts';
import { keyRef } from '../accounts/fields.ts';
import { shownKey } from '../accounts/shown.ts';
import { operation } from '../operation.ts';
import { maySeeKey } from '../rights.ts';
import { keyOf, keyUnknown, shown, shownAll } from './show.ts';

const NO_KEY = 'key is missing: the key of this request is no virtual key';

/** `GET /key/info` */
export const keyInfo = operation({
  method: 'GET',
  path: '/key/info',
  who: 'any key',
  group: 'Keys',
  summary: 'Everything about a key but its value. A key may ask about itself and those of its user.',
  query: z.strictObject({ key: keyRef.optional().describe('Without it, the key of the request.') }),
  example: { query: { key: 'ada-laptop' } },
  answer: z.object({ key: z.string(), info: shownKey }),
  handle: async ({ query, principal, reach }, deps) => {
    const ref = query.key ?? (principal.kind === 'virtual' ? principal.id : undefined);
    if (ref === undefined) throw new GatewayError('request-invalid', { reason: NO_KEY });
    const key = deps.keys.findKey(ref);
    if (key === undefined || !maySeeKey(principal, reach, key, deps.keys, '/key/info')) throw keyUnknown(ref);
    return { key: query.key ?? key.digest, info: await shown(key, deps) };
  },
});

/** `POST /v2/key/info` */
export const keysInfo = operation({
  method: 'POST',
  path: '/v2/key/info',
  who: 'any key',
  group: 'Keys',
  summary: 'Everything about several keys but their values.',
  body: z.strictObject({ keys: z.array(keyRef).min(1).max(1_000) }),
  example: { body: { keys: ['ada-laptop', 'nightly-report'] } },
  answer: z.object({ key: z.array(z.string()), info: z.array(shownKey) }),
  handle: async ({ body, principal, reach }, deps) => {
    const found = body.keys.map((ref) => {
      const key = keyOf(ref, deps);
      if (!maySeeKey(principal, reach, key, deps.keys, '/key/info')) throw keyUnknown(ref);
      return key;
    });
    return { key: body.keys, info: await shownAll(found, deps) };
  },
});
