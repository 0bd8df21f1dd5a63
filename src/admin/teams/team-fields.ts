import { z } from 'zod';
import type { TeamChange, TeamMember } from '../../keys/account-records.ts';
import { accountFields, ignoredTeamFields, memberFields } from '../accounts/fields.ts';
import { type Before, NEW, readCommon } from '../accounts/read-fields.ts';
import type { AdminDeps } from '../admin-ports.ts';
import { everything } from '../accounts/list-query.ts';
import { invalidField } from '../read-input.ts';

/** Text that names a team. */
export const teamId = z.string().min(1).max(200);

/** What may be said of a team (LiteLLM: NewTeamRequest, UpdateTeamRequest). */
export const teamFields = {
  ...accountFields,
  team_alias: z.string().min(1).max(200).nullish(),
  organization_id: z.string().min(1).max(200).nullish(),
  model_aliases: z.record(z.string(), z.string()).nullish().describe('Names that models have for this team.'),
  tags: z.array(z.string()).nullish(),
  guardrails: z.array(z.string()).nullish(),
  team_member_budget: z
    .number()
    .nonnegative()
    .nullish()
    .describe("US dollars that each member who is named in the same request may spend of the team's."),
  team_member_rpm_limit: z.int().min(0).nullish(),
  team_member_tpm_limit: z.int().min(0).nullish(),
  ...ignoredTeamFields,
};

/** A member as a request names it. */
export const member = z
  .strictObject({ ...memberFields, role: z.enum(['admin', 'user']).default('user') })
  .refine(({ user_id: id, user_email: email }) => Boolean(id ?? email), {
    path: ['user_id'],
    error: 'or user_email must say who',
  });

type TeamBody = z.output<z.ZodObject<typeof teamFields>>;

/** Reads what a body says of a team. */
export function readTeam(body: TeamBody, before: Before, now: number): TeamChange {
  const metadata = {
    ...(body.metadata === undefined ? before.metadata : (body.metadata ?? {})),
    ...(body.tags ? { tags: body.tags } : {}),
    ...(body.guardrails ? { guardrails: body.guardrails } : {}),
  };
  return {
    ...readCommon(body, before, now),
    ...(body.tags || body.guardrails ? { metadata } : {}),
    ...(body.team_alias === undefined ? {} : { alias: body.team_alias ?? undefined }),
    ...(body.organization_id === undefined ? {} : { organization: body.organization_id ?? undefined }),
    ...(body.model_aliases === undefined ? {} : { modelAliases: body.model_aliases ?? {} }),
  };
}

/** What a member may use up of the team's, beside what the team may. */
export interface MemberLimits {
  readonly maxBudget?: number | null | undefined;
  readonly tpm?: number | null | undefined;
  readonly rpm?: number | null | undefined;
}

/** A member for the directory; of one named by its address alone, the user with this address. Throws `input-invalid`. */
export function toMember(
  given: {
    readonly user_id?: string | null | undefined;
    readonly user_email?: string | null | undefined;
    readonly role: TeamMember['role'];
  },
  limits: MemberLimits,
  { keys }: AdminDeps,
): TeamMember {
  const email = given.user_email ?? undefined;
  const byEmail = (): string | undefined =>
    everything((asked) => keys.listUsers(asked), { text: email ?? '' }).find((one) => one.email === email)
      ?.id;
  const user = given.user_id ?? byEmail();
  if (user === undefined)
    throw invalidField('member', `has no user_id, and no user has the address ${email}`);
  return {
    user,
    email: email ?? keys.findUser(user)?.email,
    role: given.role,
    limits: readMemberLimits(limits),
  };
}

/** `undefined` where there are none. */
export function readMemberLimits({ maxBudget, tpm, rpm }: MemberLimits): TeamMember['limits'] {
  const given = {
    maxBudget: maxBudget ?? undefined,
    tokensPerMinute: tpm ?? undefined,
    requestsPerMinute: rpm ?? undefined,
  };
  const isEmpty = Object.values(given).every((value) => value === undefined);
  return isEmpty ? undefined : { ...NEW.limits, ...given };
}
