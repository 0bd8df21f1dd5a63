import { z } from 'zod';
import { GatewayError } from '../../core/errors.ts';
import { withinBounds } from '../accounts/defaults.ts';
import { ignoredKeyFields, keyFields, keyRef, warningsOf } from '../accounts/fields.ts';
import { readKey } from '../accounts/read-fields.ts';
import { shownKey } from '../accounts/shown.ts';
import type { AdminDeps } from '../admin-ports.ts';
import { type AdminRequest, operation } from '../operation.ts';
import { keyOf, shown } from './show.ts';

const body = z.strictObject({ ...keyFields, ...ignoredKeyFields, key: keyRef });
type Body = z.output<typeof body>;

/** Keys that one request changes at most, as in LiteLLM. */
const KEYS_MAX = 500;

/** `POST /key/update` */
export const updateKey = operation({
  method: 'POST',
  path: '/key/update',
  who: 'management key',
  group: 'Keys',
  summary: 'Changes what is named of a key; null takes a value away. In force at once.',
  body,
  example: { body: { key: 'ada-laptop', rpm_limit: 120, max_budget: null } },
  answer: shownKey.extend({ key: z.string(), warnings: z.array(z.string()).optional() }),
  handle: async (request, deps) => ({
    ...(await change(request.body, request, deps)),
    key: request.body.key,
    ...warningsOf(request.body, ignoredKeyFields),
  }),
});

/** `POST /key/bulk_update` */
export const updateManyKeys = operation({
  method: 'POST',
  path: '/key/bulk_update',
  who: 'management key',
  group: 'Keys',
  summary: 'Changes several keys, each as /key/update does, and says of each what became of it.',
  body: z.strictObject({ keys: z.array(body).min(1).max(KEYS_MAX) }),
  example: {
    body: {
      keys: [
        { key: 'ada-laptop', max_budget: 20 },
        { key: 'nightly-report', tags: ['batch'] },
      ],
    },
  },
  answer: z.object({
    total_requested: z.int(),
    successful_updates: z.array(z.object({ key: z.string(), key_info: shownKey })),
    failed_updates: z.array(z.object({ key: z.string(), key_info: z.null(), failed_reason: z.string() })),
  }),
  handle: async (request, deps) => {
    const done: object[] = [];
    const failed: object[] = [];
    for (const one of request.body.keys) {
      try {
        done.push({ key: one.key, key_info: await change(one, request, deps) });
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        failed.push({ key: one.key, key_info: null, failed_reason: error.message });
      }
    }
    return { total_requested: request.body.keys.length, successful_updates: done, failed_updates: failed };
  },
});

/** `POST /key/{key}/reset_spend` */
export const resetSpend = operation({
  method: 'POST',
  path: '/key/{key}/reset_spend',
  who: 'management key',
  group: 'Keys',
  summary: 'Sets what counts as spent of a key to less than it is. The ledger keeps every call.',
  body: z.strictObject({ reset_to: z.number().nonnegative().describe('US dollars.') }),
  example: { params: { key: 'ada-laptop' }, body: { reset_to: 0 } },
  answer: z.object({
    key_hash: z.string(),
    spend: z.number(),
    previous_spend: z.number(),
    max_budget: z.number().nullable(),
    budget_reset_at: z.string().nullable(),
  }),
  handle: async ({ params, body: { reset_to: usd }, by, principal }, deps) => {
    const before = await shown(keyOf(params.key, deps), deps);
    const spent = Number(before['spend']);
    if (usd > spent)
      throw new GatewayError(
        'account-invalid',
        { reason: `reset_to is more than the ${spent} US dollars that were spent` },
        { data: { param: 'reset_to' } },
      );
    const spendBase = { usd, at: deps.now() };
    const record = await deps.keys.updateKey(params.key, { spendBase }, principal.alias ?? principal.id);
    deps.audit('key-reset-spend', principal, { key: record.id, alias: record.alias, usd, spent, by });
    const { spend, max_budget, budget_reset_at } = await shown(record, deps);
    return { key_hash: record.digest, spend, previous_spend: spent, max_budget, budget_reset_at };
  },
});

async function change(
  given: Body,
  { by, principal }: Pick<AdminRequest<unknown, unknown, unknown>, 'by' | 'principal'>,
  deps: AdminDeps,
): Promise<Record<string, unknown>> {
  keyOf(given.key, deps); // 404
  const bounded = withinBounds(given, deps.accountDefaults.keyMax);
  const record = await deps.keys.updateKey(
    given.key,
    (before) => readKey(bounded, before, deps.now()),
    principal.alias ?? principal.id,
  );
  const fields = Object.keys(given).filter((field) => field !== 'key');
  deps.audit('key-update', principal, { key: record.id, alias: record.alias, fields, by });
  return shown(record, deps);
}
