import { randomUUID } from 'node:crypto';
import { GatewayError } from '../core/errors.ts';
import { checkText } from './account-checks.ts';
import { NO_LIMITS, NO_MCP, teamToRow } from './account-json.ts';
import { pageOf } from './account-pages.ts';
import type { TeamFields, TeamMember, TeamRecord } from './account-records.ts';
import { changeOf } from './changing.ts';
import type { KeyDirectory } from './key-directory.ts';
import type { OperationDeps } from './key-operations.ts';

/** Members of a team at most. */
const MEMBERS_MAX = 10_000;

const NEW_TEAM: TeamFields = Object.freeze({
  alias: undefined,
  organization: undefined,
  models: [],
  modelAliases: {},
  mcp: NO_MCP,
  limits: NO_LIMITS,
  spendBase: undefined,
  blocked: false,
  metadata: {},
  expires: undefined,
  memberLimits: undefined,
  memberPermissions: [],
});

type TeamOperations = Pick<
  KeyDirectory,
  | 'createTeam'
  | 'updateTeam'
  | 'deleteTeams'
  | 'setMembers'
  | 'removeMembers'
  | 'findTeam'
  | 'listTeams'
  | 'teamsOf'
>;

/** Makes, changes and finds teams. */
export function teamOperations({ sync, write, clock }: OperationDeps): TeamOperations {
  const find = (id: string): TeamRecord | undefined => sync.index.get('team', id)?.record;
  const known = (id: string): TeamRecord => {
    const found = find(id);
    if (found === undefined) throw new GatewayError('team-unknown', { team: id.slice(0, 100) });
    return found;
  };
  const replace = async (
    id: string,
    by: string,
    change: (team: TeamRecord) => TeamRecord,
  ): Promise<TeamRecord> => {
    await write(() => {
      const after = { ...change(known(id)), updatedAt: clock.now(), updatedBy: by };
      checkMembers(after.members);
      checkText('team_alias', after.alias);
      return [{ op: 'replace', row: teamToRow(after, sync.index.get('team', id)!.version) }];
    });
    return known(id);
  };
  return {
    findTeam: find,
    listTeams: (query = {}) =>
      pageOf(
        sync.index.all('team'),
        query,
        (team) => [team.id, team.alias],
        (team) => ({
          team: team.id,
          user: team.members.some(({ user }) => user === query.user) ? query.user : undefined,
        }),
      ),
    teamsOf: (user) =>
      sync.index.all('team').filter(({ members }) => members.some((member) => member.user === user)),
    createTeam: async ({ id = randomUUID(), members = [], ...fields }, by) => {
      await write(() => {
        checkText('team_id', id);
        checkText('team_alias', fields.alias);
        checkMembers(members);
        if (find(id) !== undefined) throw new GatewayError('account-exists', { what: 'team with this id' });
        const now = clock.now();
        const written = { createdAt: now, createdBy: by, updatedAt: now, updatedBy: by };
        return [{ op: 'insert', row: teamToRow({ ...NEW_TEAM, ...fields, id, members, ...written }, 1) }];
      });
      return known(id);
    },
    updateTeam: (id, change, by) => replace(id, by, (team) => ({ ...team, ...changeOf(change, team) })),
    setMembers: (id, members, by) =>
      replace(id, by, (team) => {
        const named = new Map(changeOf(members, team).map((member) => [member.user, member]));
        const others = team.members.filter(({ user }) => !named.has(user));
        return { ...team, members: [...others, ...named.values()] };
      }),
    removeMembers: (id, users, by) =>
      replace(id, by, (team) => ({
        ...team,
        members: team.members.filter(({ user }) => !users.includes(user)),
      })),
    deleteTeams: async (ids) => {
      let teams: readonly TeamRecord[] = [];
      await write(() => {
        teams = [...new Set(ids)].map(known);
        const gone = new Set(teams.map(({ id }) => id));
        const keys = sync.index.all('key').filter(({ team }) => team !== undefined && gone.has(team));
        if (gone.size === 0) return [];
        const team = { op: 'remove', kind: 'team', ids: [...gone] } as const;
        return keys.length === 0
          ? [team]
          : [{ op: 'remove', kind: 'key', ids: keys.map(({ id }) => id) }, team];
      });
      return teams;
    },
  };
}

function checkMembers(members: readonly TeamMember[]): void {
  for (const { user } of members) checkText('user_id of a member', user);
  if (members.length > MEMBERS_MAX)
    throw new GatewayError('accounts-limit', { max: MEMBERS_MAX, what: 'members' });
}
