import { z } from 'zod';
import { budgetDuration } from '../../core/setting.ts';
import type { TeamChange, TeamRecord } from '../../keys/account-records.ts';
import { accountFields, guardrails, ignoredTeamFields, warningsOf } from '../accounts/fields.ts';
import { type Before, readCommon } from '../accounts/read-fields.ts';
import { MEMBER_PERMISSIONS } from '../rights.ts';
import { readMemberLimits } from './member-fields.ts';

/** What a request set of a team without effect. */
export function teamWarnings(body: TeamBody): { readonly warnings?: readonly string[] } {
  const { warnings = [] } = warningsOf(body, ignoredTeamFields);
  const all = [...warnings, ...permissionWarnings(body.team_member_permissions)];
  return all.length === 0 ? {} : { warnings: all };
}

/** Text that names a team. */
export const teamId = z.string().min(1).max(200);

/** What members who are no admins may do with the team's keys. */
export const memberPermissions = z
  .array(z.string().min(1).max(200))
  .max(100)
  .describe(`What members may do with the team's keys: ${MEMBER_PERMISSIONS.join(', ')}.`);

/** What of the permissions that a request names grants nothing here. */
export function permissionWarnings(named: readonly string[] | null | undefined): readonly string[] {
  const granting = new Set<string>(MEMBER_PERMISSIONS);
  return (named ?? [])
    .filter((one) => !granting.has(one))
    .map((one) => `${one.slice(0, 100)} in team_member_permissions grants nothing here`);
}

/** What may be said of a team (LiteLLM: NewTeamRequest, UpdateTeamRequest). */
export const teamFields = {
  ...accountFields,
  team_alias: z.string().min(1).max(200).nullish(),
  organization_id: z.string().min(1).max(200).nullish(),
  model_aliases: z.record(z.string(), z.string()).nullish().describe('Names that models have for this team.'),
  tags: z.array(z.string()).nullish(),
  guardrails,
  team_member_budget: z
    .number()
    .nonnegative()
    .nullish()
    .describe("US dollars that each user may spend of the team's, unless its membership says it."),
  team_member_budget_duration: budgetDuration()
    .nullish()
    .describe("Length of the budget period of each user in the team; without it, the team's."),
  team_member_rpm_limit: z.int().min(0).nullish().describe('Requests per minute of each user in the team.'),
  team_member_tpm_limit: z.int().min(0).nullish().describe('Tokens per minute of each user in the team.'),
  team_member_permissions: memberPermissions.nullish(),
  ...ignoredTeamFields,
};

type TeamBody = z.output<z.ZodObject<typeof teamFields>>;

/** Reads what a body says of a team. */
export function readTeam(
  body: TeamBody,
  before: Before & Partial<Pick<TeamRecord, 'memberLimits'>>,
  now: number,
): TeamChange {
  const metadata = {
    ...(body.metadata === undefined ? before.metadata : (body.metadata ?? {})),
    ...(body.tags ? { tags: body.tags } : {}),
  };
  const ofMembers = {
    max_budget_in_team: body.team_member_budget,
    budget_duration: body.team_member_budget_duration,
    rpm_limit: body.team_member_rpm_limit,
    tpm_limit: body.team_member_tpm_limit,
  };
  return {
    ...readCommon(body, before, now),
    ...(Object.values(ofMembers).every((one) => one === undefined)
      ? {}
      : { memberLimits: readMemberLimits(ofMembers, before.memberLimits) }),
    ...(body.team_member_permissions === undefined
      ? {}
      : { memberPermissions: body.team_member_permissions ?? [] }),
    ...(body.tags ? { metadata } : {}),
    ...(body.team_alias === undefined ? {} : { alias: body.team_alias ?? undefined }),
    ...(body.organization_id === undefined ? {} : { organization: body.organization_id ?? undefined }),
    ...(body.model_aliases === undefined ? {} : { modelAliases: body.model_aliases ?? {} }),
  };
}
