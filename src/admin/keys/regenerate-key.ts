import { z } from 'zod';
import { duration } from '../../core/setting.ts';
import { Secret } from '../../core/secret.ts';
import { ignoredKeyFields, keyFields, keyRef, keyValue, warningsOf } from '../accounts/fields.ts';
import { withinBounds } from '../accounts/defaults.ts';
import { readKey } from '../accounts/read-fields.ts';
import { issuedKey } from '../accounts/shown.ts';
import type { AdminDeps } from '../admin-ports.ts';
import { type AdminRequest, operation } from '../operation.ts';
import { issued, keyOf } from './show.ts';

const change = z.strictObject({
  ...keyFields,
  ...ignoredKeyFields,
  new_key: keyValue.nullish(),
  grace_period: duration('s')
    .nullish()
    .describe('How long the value before goes on working: 24h. Without it, it is refused at once.'),
});

/** `POST /key/{key}/regenerate` */
export const regenerateKey = operation({
  method: 'POST',
  path: '/key/{key}/regenerate',
  who: 'management key',
  group: 'Keys',
  summary: 'Gives a key a new value, which is in the answer this once; limits, spend and id stay.',
  body: change.extend({ key: keyRef.nullish() }),
  example: { params: { key: 'ada-laptop' }, body: { grace_period: '24h' } },
  answer: issuedKey,
  handle: (request, deps) => regenerate(request.params.key, request, deps),
});

/** `POST /key/regenerate` */
export const regenerateNamedKey = operation({
  method: 'POST',
  path: '/key/regenerate',
  who: 'management key',
  group: 'Keys',
  summary: 'The same, with the key in the body.',
  body: change.extend({ key: keyRef }),
  example: { body: { key: 'ada-laptop', grace_period: '24h' } },
  answer: issuedKey,
  handle: (request, deps) => regenerate(request.body.key, request, deps),
});

async function regenerate(
  ref: string,
  { body, by, principal }: AdminRequest<unknown, unknown, z.output<typeof change>>,
  deps: AdminDeps,
): Promise<unknown> {
  keyOf(ref, deps); // 404
  const bounded = withinBounds(body, deps.accountDefaults.keyMax);
  const key = await deps.keys.regenerateKey(
    ref,
    {
      graceMs: body.grace_period ?? 0,
      ...(body.new_key ? { newKey: new Secret(body.new_key) } : {}),
      change: (before) => readKey(bounded, before, deps.now()),
    },
    principal.alias ?? principal.id,
  );
  const { id, alias } = key.record;
  deps.audit('key-regenerate', principal, { key: id, alias, graceMs: body.grace_period ?? 0, by });
  return { ...(await issued(key, deps)), ...warningsOf(body, ignoredKeyFields) };
}
