import { z } from 'zod';
import { Secret } from '../../core/secret.ts';
import { ignoredKeyFields, keyFields, keyValue, warningsOf } from '../accounts/fields.ts';
import { newWithinBounds, withDefaults } from '../accounts/defaults.ts';
import { NEW, readKey } from '../accounts/read-fields.ts';
import { issuedKey } from '../accounts/shown.ts';
import type { AdminDeps } from '../admin-ports.ts';
import { type AdminRequest, operation } from '../operation.ts';
import { issued } from './show.ts';

const body = z.strictObject({ ...keyFields, ...ignoredKeyFields, key: keyValue.nullish() });
type Body = z.output<typeof body>;

/** `POST /key/generate` */
export const generateKey = operation({
  method: 'POST',
  path: '/key/generate',
  who: 'management key',
  group: 'Keys',
  summary: 'Makes a key. Its value is in the answer, this once.',
  body,
  example: {
    body: {
      key_alias: 'ada-laptop',
      models: ['gpt-4o'],
      object_permission: { mcp_servers: ['db'] },
      max_budget: 20,
      budget_duration: '30d',
      rpm_limit: 60,
      duration: '90d',
    },
  },
  answer: issuedKey,
  handle: (request, deps) => make(request, deps, deps.accountDefaults.key),
});

/** `POST /key/service-account/generate` */
export const generateServiceAccountKey = operation({
  method: 'POST',
  path: '/key/service-account/generate',
  who: 'management key',
  group: 'Keys',
  summary: 'Makes a key that belongs to a team and to no user.',
  body: body.extend({ team_id: z.string().min(1).max(200), user_id: z.null().optional() }),
  example: { body: { team_id: 'data', key_alias: 'nightly-report' } },
  answer: issuedKey,
  handle: (request, deps) => make(request, deps, { ...deps.accountDefaults.key, user_id: undefined }),
});

async function make(
  { body: asked, by, principal }: AdminRequest<unknown, unknown, Body>,
  deps: AdminDeps,
  defaults: object,
): Promise<unknown> {
  const given = newWithinBounds(withDefaults(asked, defaults), deps.accountDefaults);
  const key = await deps.keys.createKey(
    { ...readKey(given, NEW, deps.now()), ...(given.key ? { key: new Secret(given.key) } : {}) },
    principal.alias ?? principal.id,
  );
  const { record } = key;
  deps.audit('key-generate', principal, {
    key: record.id,
    alias: record.alias,
    user: record.user,
    team: record.team,
    by,
  });
  return { ...(await issued(key, deps)), ...warningsOf(asked, ignoredKeyFields) };
}
