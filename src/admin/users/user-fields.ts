import { z } from 'zod';
import { duration } from '../../core/setting.ts';
import type { UserChange } from '../../keys/account-records.ts';
import {
  accountFields,
  allowedCacheControls,
  guardrails,
  ignoredUserFields,
  permissions,
} from '../accounts/fields.ts';
import { type Before, readCommon } from '../accounts/read-fields.ts';

const id = z.string().min(1).max(200);

/** What may be said of a user (LiteLLM: NewUserRequest, UpdateUserRequest). */
export const userFields = {
  ...accountFields,
  user_email: z.string().max(320).nullish(),
  user_alias: z.string().min(1).max(200).nullish(),
  user_role: z
    .enum(['proxy_admin', 'proxy_admin_viewer', 'internal_user', 'internal_user_viewer'])
    .nullish()
    .describe('proxy_admin: keys of this user manage others; proxy_admin_viewer: they see others.'),
  aliases: z.record(z.string(), z.string()).nullish().describe('Names that models have for this user.'),
  duration: duration('s').nullish().describe("How long the user's keys work, from now on."),
  ...ignoredUserFields,
};

/** What may be said of a new user beside that. */
export const newUserFields = {
  ...userFields,
  user_id: id.nullish().describe('Without it, one is made.'),
  teams: z
    .array(
      z.union([
        id,
        z.strictObject({
          team_id: id,
          user_role: z.enum(['admin', 'user']).nullish(),
          max_budget_in_team: z.number().nonnegative().nullish(),
        }),
      ]),
    )
    .max(100)
    .nullish()
    .describe('Teams that the user becomes a member of.'),
  auto_create_key: z.boolean().default(true).describe('Whether a key is made for the user.'),
  key_alias: z.string().min(1).max(200).nullish(),
  team_id: id.nullish().describe("The key's."),
  allowed_cache_controls: allowedCacheControls,
  permissions,
  guardrails,
};

type UserBody = z.output<z.ZodObject<typeof userFields>>;

/** Reads what a body says of a user. */
export function readUser(body: UserBody, before: Before, now: number): UserChange {
  return {
    ...readCommon(body, before, now),
    ...(body.user_email === undefined ? {} : { email: body.user_email ?? undefined }),
    ...(body.user_alias === undefined ? {} : { alias: body.user_alias ?? undefined }),
    ...(body.user_role === undefined ? {} : { role: body.user_role ?? undefined }),
    ...(body.aliases === undefined ? {} : { modelAliases: body.aliases ?? {} }),
    ...(body.duration === undefined
      ? {}
      : { expires: body.duration === null ? undefined : now + body.duration }),
  };
}
