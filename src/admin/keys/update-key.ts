import { z } from 'zod';
import { ignoredKeyFields, keyFields, keyRef, warningsOf } from '../accounts/fields.ts';
import { readKey } from '../accounts/read-fields.ts';
import { shownKey } from '../accounts/shown.ts';
import { unknownNames } from '../accounts/unknown-names.ts';
import { operation } from '../operation.ts';
import { keyOf, shown } from './show.ts';

/** `POST /key/update` */
export const updateKey = operation({
  method: 'POST',
  path: '/key/update',
  who: 'management key',
  group: 'Keys',
  summary: 'Changes what is named of a key; null takes a value away. In force at once.',
  body: z.strictObject({ ...keyFields, ...ignoredKeyFields, key: keyRef }),
  example: { body: { key: 'ada-laptop', rpm_limit: 120, max_budget: null } },
  answer: shownKey.extend({ key: z.string(), warnings: z.array(z.string()).optional() }),
  handle: async ({ body, by, principal }, deps) => {
    const before = keyOf(body.key, deps);
    const record = await deps.keys.updateKey(
      body.key,
      readKey(body, before, deps.now()),
      principal.alias ?? principal.id,
    );
    const fields = Object.keys(body).filter((field) => field !== 'key');
    deps.audit('key-update', principal, { key: record.id, alias: record.alias, fields, by });
    return {
      ...(await shown(record, deps)),
      key: body.key,
      ...warningsOf(body, ignoredKeyFields, unknownNames(body, deps)),
    };
  },
});
