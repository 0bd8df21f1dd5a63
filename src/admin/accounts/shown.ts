import { z } from 'zod';

/** What answers have, as LiteLLM's tables do; there are more members than these. */

const usd = z.number().describe('US dollars');
const moment = z.string().nullable().describe('RFC 3339');

export const shownKey = z
  .looseObject({
    token: z.string().describe('SHA-256 of the key'),
    key_name: z.string().describe('The key as it may be shown'),
    key_alias: z.string().nullable(),
    spend: usd,
    max_budget: usd.nullable(),
    budget_duration: z.string().nullable(),
    budget_reset_at: moment,
    expires: moment,
    models: z.array(z.string()),
    user_id: z.string().nullable(),
    team_id: z.string().nullable(),
    tpm_limit: z.int().nullable(),
    rpm_limit: z.int().nullable(),
    max_parallel_requests: z.int().nullable(),
    metadata: z.record(z.string(), z.unknown()),
    blocked: z.boolean(),
    created_at: moment,
    updated_at: moment,
  })
  .meta({ id: 'Key' });

/** A key with its value, which is answered this once. */
export const issuedKey = shownKey
  .extend({
    key: z.string().describe('The key. It is shown this once.'),
    token_id: z.string(),
    warnings: z.array(z.string()).optional().describe('What was asked for without effect.'),
  })
  .meta({ id: 'IssuedKey' });

export const shownUser = z
  .looseObject({
    user_id: z.string(),
    user_email: z.string().nullable(),
    user_alias: z.string().nullable(),
    user_role: z.string().nullable(),
    spend: usd,
    max_budget: usd.nullable(),
    models: z.array(z.string()),
    teams: z.array(z.string()),
  })
  .meta({ id: 'User' });

export const shownTeam = z
  .looseObject({
    team_id: z.string(),
    team_alias: z.string().nullable(),
    members_with_roles: z.array(
      z.looseObject({
        user_id: z.string(),
        user_email: z.string().nullable(),
        role: z.enum(['admin', 'user']),
      }),
    ),
    spend: usd,
    max_budget: usd.nullable(),
    models: z.array(z.string()),
    blocked: z.boolean(),
  })
  .meta({ id: 'Team' });
