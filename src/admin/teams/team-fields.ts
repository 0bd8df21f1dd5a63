import { z } from 'zod';
import { duration } from '../../core/setting.ts';
import type { TeamChange, TeamRecord } from '../../keys/account-records.ts';
import { accountFields, guardrails, ignoredTeamFields } from '../accounts/fields.ts';
import { type Before, readCommon } from '../accounts/read-fields.ts';
import { readMemberLimits } from './member-fields.ts';

/** Text that names a team. */
export const teamId = z.string().min(1).max(200);

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
  team_member_budget_duration: duration('s')
    .nullish()
    .describe("Length of the budget period of each user in the team; without it, the team's."),
  team_member_rpm_limit: z.int().min(0).nullish().describe('Requests per minute of each user in the team.'),
  team_member_tpm_limit: z.int().min(0).nullish().describe('Tokens per minute of each user in the team.'),
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
    ...(body.tags ? { metadata } : {}),
    ...(body.team_alias === undefined ? {} : { alias: body.team_alias ?? undefined }),
    ...(body.organization_id === undefined ? {} : { organization: body.organization_id ?? undefined }),
    ...(body.model_aliases === undefined ? {} : { modelAliases: body.model_aliases ?? {} }),
  };
}
