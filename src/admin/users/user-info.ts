import { z } from 'zod';
import { GatewayError } from '../../core/errors.ts';
import type { KeyRecord } from '../../keys/account-records.ts';
import { everything } from '../accounts/list-query.ts';
import { shownKey, shownTeam, shownUser } from '../accounts/shown.ts';
import type { AdminDeps } from '../admin-ports.ts';
import { shownAll as shownKeys } from '../keys/show.ts';
import { operation } from '../operation.ts';
import { seesAll } from '../rights.ts';
import { shownAll as shownTeams } from '../teams/show.ts';
import { shown } from './show.ts';

/** `GET /user/info` */
export const userInfo = operation({
  method: 'GET',
  path: '/user/info',
  who: 'any key',
  group: 'Users',
  summary: 'A user with its keys and teams. A key may ask about its own user.',
  query: z.strictObject({
    user_id: z
      .string()
      .optional()
      .describe('Without it, the user of the key; for the master key, all keys and teams.'),
  }),
  example: { query: { user_id: 'ada' } },
  answer: z.object({
    user_id: z.string().nullable(),
    user_info: shownUser.nullable(),
    keys: z.array(shownKey),
    teams: z.array(shownTeam),
  }),
  handle: async ({ query, principal, reach }, deps) => {
    const id = query.user_id ?? principal.user;
    if (id === undefined && seesAll(reach)) {
      const keys = everything((asked) => deps.keys.listKeys(asked), {});
      const teams = everything((asked) => deps.keys.listTeams(asked), {});
      return {
        user_id: null,
        user_info: null,
        keys: await keysOf(keys, deps),
        teams: await shownTeams(teams, deps),
      };
    }
    const user = id === undefined ? undefined : deps.keys.findUser(id);
    if (user === undefined || (!seesAll(reach) && user.id !== principal.user))
      throw new GatewayError(
        'user-unknown',
        { user: (id ?? '').slice(0, 100) },
        { data: { param: 'user_id' } },
      );
    const keys = everything((asked) => deps.keys.listKeys(asked), { user: user.id });
    return {
      user_id: user.id,
      user_info: await shown(user, deps),
      keys: await keysOf(keys, deps),
      teams: await shownTeams(deps.keys.teamsOf(user.id), deps),
    };
  },
});

async function keysOf(
  keys: readonly KeyRecord[],
  deps: AdminDeps,
): Promise<readonly Record<string, unknown>[]> {
  return (await shownKeys(keys, deps)).map((key, index) => {
    const { team } = keys[index]!;
    return { ...key, team_alias: team === undefined ? null : (deps.keys.findTeam(team)?.alias ?? null) };
  });
}
