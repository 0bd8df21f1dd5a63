import { randomUUID } from 'node:crypto';
import { GatewayError } from '../core/errors.ts';
import type { AccountWrite } from '../store/account-ports.ts';
import { checkText } from './account-checks.ts';
import { NO_LIMITS, NO_MCP, teamToRow, userToRow } from './account-json.ts';
import { pageOf } from './account-pages.ts';
import type { UserFields, UserRecord } from './account-records.ts';
import { changeOf } from './changing.ts';
import type { KeyDirectory } from './key-directory.ts';
import type { OperationDeps } from './key-operations.ts';

const NEW_USER: UserFields = Object.freeze({
  alias: undefined,
  email: undefined,
  role: undefined,
  models: [],
  modelAliases: {},
  mcp: NO_MCP,
  limits: NO_LIMITS,
  spendBase: undefined,
  blocked: false,
  metadata: {},
  expires: undefined,
});

type UserOperations = Pick<
  KeyDirectory,
  'createUser' | 'updateUser' | 'deleteUsers' | 'findUser' | 'listUsers'
>;

/** Makes, changes and finds users. */
export function userOperations({ sync, write, clock }: OperationDeps): UserOperations {
  const find = (id: string): UserRecord | undefined => sync.index.get('user', id)?.record;
  const known = (id: string): UserRecord => {
    const found = find(id);
    if (found === undefined) throw new GatewayError('user-unknown', { user: id.slice(0, 100) });
    return found;
  };
  return {
    findUser: find,
    listUsers: (query = {}) =>
      pageOf(
        sync.index.all('user'),
        query,
        (user) => [user.id, user.alias, user.email],
        (user) => ({
          user: user.id,
          team: query.team !== undefined && isMember(query.team, user.id, sync) ? query.team : undefined,
        }),
      ),
    createUser: async ({ id = randomUUID(), ...fields }, by) => {
      await write(() => {
        checkText('user_id', id);
        if (find(id) !== undefined) throw new GatewayError('account-exists', { what: 'user with this id' });
        const now = clock.now();
        const written = { createdAt: now, createdBy: by, updatedAt: now, updatedBy: by };
        return [{ op: 'insert', row: userToRow({ ...NEW_USER, ...fields, id, ...written }, 1) }];
      });
      return known(id);
    },
    updateUser: async (id, change, by) => {
      await write(() => {
        const before = known(id);
        const after = { ...before, ...changeOf(change, before), updatedAt: clock.now(), updatedBy: by };
        return [{ op: 'replace', row: userToRow(after, sync.index.get('user', id)!.version) }];
      });
      return known(id);
    },
    deleteUsers: async (ids, by) => {
      let users: readonly UserRecord[] = [];
      await write(() => {
        users = [...new Set(ids)].map(known);
        const gone = new Set(users.map(({ id }) => id));
        const keys = sync.index.all('key').filter(({ user }) => user !== undefined && gone.has(user));
        const now = clock.now();
        const teams = sync.index
          .all('team')
          .filter(({ members }) => members.some(({ user }) => gone.has(user)))
          .map((team): AccountWrite => {
            const members = team.members.filter(({ user }) => !gone.has(user));
            const after = { ...team, members, updatedAt: now, updatedBy: by };
            return { op: 'replace', row: teamToRow(after, sync.index.get('team', team.id)!.version) };
          });
        if (gone.size === 0) return [];
        const removals: AccountWrite[] = [{ op: 'remove', kind: 'user', ids: [...gone] }];
        if (keys.length > 0) removals.push({ op: 'remove', kind: 'key', ids: keys.map(({ id }) => id) });
        return [...removals, ...teams];
      });
      return users;
    },
  };
}

function isMember(team: string, user: string, { index }: OperationDeps['sync']): boolean {
  return index.get('team', team)?.record.members.some((member) => member.user === user) === true;
}
