import { z } from 'zod';
import { budgetDuration } from '../../core/setting.ts';
import type { TeamMember } from '../../keys/account-records.ts';
import type { KeyLimits } from '../../keys/keys-config.ts';
import { memberFields } from '../accounts/fields.ts';
import { everything } from '../accounts/list-query.ts';
import { NEW } from '../accounts/read-fields.ts';
import type { AdminDeps } from '../admin-ports.ts';
import { invalidField } from '../read-input.ts';

/** A member as a request names it. */
export const member = z
  .strictObject({ ...memberFields, role: z.enum(['admin', 'user']).default('user') })
  .refine(({ user_id: id, user_email: email }) => Boolean(id ?? email), {
    path: ['user_id'],
    error: 'or user_email must say who',
  });

/** What a member may use up of the team's (LiteLLM: TeamMemberUpdateRequest). */
export const memberLimitFields = {
  max_budget_in_team: z
    .number()
    .nonnegative()
    .nullish()
    .describe("US dollars that the member may spend of the team's in each budget period."),
  budget_duration: budgetDuration()
    .nullish()
    .describe("Length of the member's budget period; without it, the team's."),
  tpm_limit: z.int().min(0).nullish().describe('Tokens per minute of the member in the team.'),
  rpm_limit: z.int().min(0).nullish().describe('Requests per minute of the member in the team.'),
};

type MemberLimitsBody = z.output<z.ZodObject<typeof memberLimitFields>>;

/** The limits of a membership after a request: what it does not name stays, what is `null` goes. `undefined` where none are left. */
export function readMemberLimits(given: MemberLimitsBody, before?: KeyLimits): KeyLimits | undefined {
  const kept = (value: number | null | undefined, old: number | undefined): number | undefined =>
    value === undefined ? old : (value ?? undefined);
  const limits: KeyLimits = {
    ...NEW.limits,
    maxBudget: kept(given.max_budget_in_team, before?.maxBudget),
    budgetDurationMs: kept(given.budget_duration, before?.budgetDurationMs),
    requestsPerMinute: kept(given.rpm_limit, before?.requestsPerMinute),
    tokensPerMinute: kept(given.tpm_limit, before?.tokensPerMinute),
  };
  return Object.values(limits).every((limit) => limit === undefined) ? undefined : limits;
}

/** A member for the directory; of one named by its address alone, the user with this address. Throws `input-invalid`. */
export function toMember(
  given: z.output<typeof member>,
  limits: TeamMember['limits'],
  { keys }: AdminDeps,
): TeamMember {
  const email = given.user_email ?? undefined;
  const byEmail = (): string | undefined =>
    everything((asked) => keys.listUsers(asked), { text: email ?? '' }).find((one) => one.email === email)
      ?.id;
  const user = given.user_id ?? byEmail();
  if (user === undefined)
    throw invalidField('member', `has no user_id, and no user has the address ${email}`);
  return { user, email: email ?? keys.findUser(user)?.email, role: given.role, limits };
}
