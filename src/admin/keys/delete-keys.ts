import { z } from 'zod';
import { keyRef } from '../accounts/fields.ts';
import { operation } from '../operation.ts';

/** `POST /key/delete` */
export const deleteKeys = operation({
  method: 'POST',
  path: '/key/delete',
  who: 'management key',
  group: 'Keys',
  summary:
    'Deletes keys, all of them or none; they are refused from then on. What they did stays in the ledger.',
  body: z
    .strictObject({
      keys: z.array(keyRef).max(1_000).nullish(),
      key_aliases: z.array(z.string().min(1).max(200)).max(1_000).nullish(),
    })
    .refine(({ keys, key_aliases: aliases }) => (keys?.length ?? 0) + (aliases?.length ?? 0) > 0, {
      path: ['keys'],
      error: 'or key_aliases must name one at least',
    }),
  example: { body: { key_aliases: ['ada-laptop'] } },
  answer: z.object({ deleted_keys: z.array(z.string()) }),
  handle: async ({ body, by, principal }, deps) => {
    const refs = [...(body.keys ?? []), ...(body.key_aliases ?? [])];
    const deleted = await deps.keys.deleteKeys(refs, principal.alias ?? principal.id);
    for (const { id, alias } of deleted) deps.audit('key-delete', principal, { key: id, alias, by });
    return { deleted_keys: refs };
  },
});
