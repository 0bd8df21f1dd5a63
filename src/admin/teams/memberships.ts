import type { TeamRecord } from '../../keys/account-records.ts';
import type { KeyLimits } from '../../keys/keys-config.ts';
import { memberLimits } from '../../keys/member-limits.ts';
import { budgetPeriod, showMembership } from '../accounts/show-account.ts';
import type { AdminDeps } from '../admin-ports.ts';

/** Users of one page of what a team's users spent. */
const PAGE = 10_000;

/** LiteLLM_TeamMembership: the members that something limits, with what each has spent of the team's in its budget period. */
export async function memberships(
  team: TeamRecord,
  deps: AdminDeps,
): Promise<readonly Record<string, unknown>[]> {
  const limited = team.members.flatMap(({ user, limits: own }) => {
    const limits = memberLimits(team, user);
    return limits === undefined ? [] : [{ user, limits, isOwn: own !== undefined }];
  });
  if (limited.length === 0) return [];
  await deps.flush();
  const from = (limits: KeyLimits): number => budgetPeriod(limits, deps)?.from ?? 0;
  const spent = new Map<number, ReadonlyMap<string, number>>();
  for (const start of new Set(limited.map(({ limits }) => from(limits))))
    spent.set(start, await spentByUser(team.id, start, deps));
  return limited.map(({ user, limits, isOwn }) =>
    showMembership(team, { user, limits, isOwn }, spent.get(from(limits))?.get(user) ?? 0, deps),
  );
}

/** US dollars that the calls of a team's keys cost since then (milliseconds since the Unix epoch), by user. */
async function spentByUser(
  team: string,
  from: number,
  { spend }: Pick<AdminDeps, 'spend'>,
): Promise<ReadonlyMap<string, number>> {
  const spent = new Map<string, number>();
  for (let after: string | undefined; ; ) {
    const rows = await spend.usage({
      from,
      to: Number.POSITIVE_INFINITY,
      groupBy: ['user'],
      filter: { team },
      limit: PAGE,
      ...(after === undefined ? {} : { after: { user: after } }),
    });
    for (const { group, cost } of rows) spent.set(group.user ?? '', cost);
    after = rows.at(-1)?.group.user;
    if (rows.length < PAGE) return spent;
  }
}
