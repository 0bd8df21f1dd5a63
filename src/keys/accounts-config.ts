import { z } from 'zod';
import { budgetDuration, type ConfigReport, duration, setting } from '../core/setting.ts';

/** What accounts that are made over the API get where the request says nothing, and how far it may go. In LiteLLM's words, as requests are; durations in milliseconds. */
export interface AccountDefaults {
  readonly key: KeyDefaults;
  readonly keyMax: KeyBounds;
  readonly user: UserDefaults;
  /** For users with the role `internal_user`, where nothing else is said. */
  readonly internalUser: Pick<UserDefaults, 'max_budget' | 'budget_duration'>;
  readonly team: TeamDefaults;
}

const count = z.int().min(0).optional();
const dollars = z.number().nonnegative().optional();
const name = z.string().min(1).max(200);
const names = z.array(name).optional();
const budgetPeriod = budgetDuration().optional();

const limits = {
  max_budget: setting(dollars, 'US dollars in each budget period.'),
  budget_duration: setting(budgetPeriod, 'Length of the budget period, for example "30d".'),
  tpm_limit: setting(count, 'Tokens per minute.'),
  rpm_limit: setting(count, 'Requests per minute.'),
};

const bounds = {
  ...limits,
  duration: setting(duration('s').optional(), 'How long a key works.'),
  max_parallel_requests: setting(count, 'Requests at the same time.'),
};

const keyDefaults = z.strictObject({
  ...bounds,
  user_id: setting(name.optional(), 'Whom keys belong to.'),
  team_id: setting(name.optional(), 'The team that keys belong to.'),
  models: setting(names, 'Models that keys may use.'),
  metadata: setting(z.record(z.string(), z.unknown()).optional(), 'Anything.'),
});
const keyBounds = z.strictObject(bounds);
const userDefaults = z.strictObject({
  ...limits,
  user_role: setting(
    z.enum(['proxy_admin', 'proxy_admin_viewer', 'internal_user', 'internal_user_viewer']).optional(),
    'Role of users.',
  ),
  models: setting(names, 'Models that users may use.'),
  teams: setting(
    z
      .array(
        z.union([
          name,
          z.strictObject({
            team_id: name,
            user_role: z.enum(['admin', 'user']).optional(),
            max_budget_in_team: dollars,
          }),
        ]),
      )
      .max(100)
      .optional(),
    'Teams that users become members of: ids, or {team_id, user_role, max_budget_in_team}.',
  ),
  available_teams: z.unknown().optional().meta({ inert: true }),
});
const teamDefaults = z.looseObject({
  max_budget: limits.max_budget,
  budget_duration: limits.budget_duration,
});

type KeyDefaults = z.output<typeof keyDefaults>;
/** How far a request may go. */
export type KeyBounds = z.output<typeof keyBounds>;
type UserDefaults = z.output<typeof userDefaults>;
type TeamDefaults = Pick<z.output<typeof teamDefaults>, 'max_budget' | 'budget_duration'>;

const BOUNDS_TEXT =
  'The most that a key may be given over the API; where a request says nothing, a new key gets it.';

/** Keys of `litellm_settings` that belong to accounts. */
export const accountsLitellmShape = {
  default_key_generate_params: setting(
    keyDefaults.optional(),
    'What a key that is made over the API gets where the request says nothing.',
  ),
  upperbound_key_generate_params: setting(keyBounds.optional(), BOUNDS_TEXT),
  default_internal_user_params: setting(
    userDefaults.optional(),
    'What a user gets where the request says nothing, unless it is a proxy_admin.',
  ),
  max_internal_user_budget: setting(
    dollars,
    'US dollars of a user with the role internal_user, where neither the request nor default_internal_user_params says it.',
  ),
  internal_user_budget_duration: setting(budgetPeriod, 'Length of the budget period of such a user.'),
  default_team_settings: setting(
    z.array(teamDefaults).optional(),
    'max_budget and budget_duration of the first entry are what a new team gets where the request says nothing.',
  ),
};

/** Keys of `general_settings` that belong to accounts. */
export const accountsGeneralShape = {
  upperbound_key_generate_params: setting(
    keyBounds.optional(),
    'The same as litellm_settings.upperbound_key_generate_params.',
  ),
};

type Settings = z.output<z.ZodObject<typeof accountsLitellmShape>>;

/** The slice of defaults. Where bounds stand in both places, the lower ones count. */
export function resolveAccountDefaults(
  settings: Settings,
  general: z.output<z.ZodObject<typeof accountsGeneralShape>>,
  report: ConfigReport,
): AccountDefaults {
  const { default_key_generate_params: key = {}, default_internal_user_params: user = {} } = settings;
  const keyMax = lower(
    settings.upperbound_key_generate_params ?? {},
    general.upperbound_key_generate_params ?? {},
  );
  for (const [field, max] of Object.entries(keyMax) as [keyof KeyBounds, number][]) {
    const given = key[field];
    if (given !== undefined && given > max)
      report.error(
        ['litellm_settings', 'default_key_generate_params', field],
        'is over upperbound_key_generate_params, so that no key could be made',
      );
  }
  const [team = {}] = settings.default_team_settings ?? [];
  for (const field of Object.keys(team))
    if (field !== 'team_id' && !(field in teamDefaults.shape))
      report.warning(
        ['litellm_settings', 'default_team_settings', 0, field],
        'is a LiteLLM setting that Lanport does not act on',
      );
  return {
    key,
    keyMax,
    user,
    internalUser: {
      max_budget: settings.max_internal_user_budget,
      budget_duration: settings.internal_user_budget_duration,
    },
    team: { max_budget: team.max_budget, budget_duration: team.budget_duration },
  };
}

function lower(one: KeyBounds, other: KeyBounds): KeyBounds {
  const fields = [...new Set([...Object.keys(one), ...Object.keys(other)])] as (keyof KeyBounds)[];
  return Object.fromEntries(
    fields.map((field) => [
      field,
      Math.min(one[field] ?? Number.POSITIVE_INFINITY, other[field] ?? Number.POSITIVE_INFINITY),
    ]),
  );
}
