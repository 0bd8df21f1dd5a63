import { GatewayError } from '../core/errors.ts';
import type { KeyRecord } from '../keys/account-records.ts';
import type { KeyDirectory } from '../keys/key-directory.ts';
import type { AdminPrincipal } from './admin-ports.ts';
import type { Method, Reach, Who } from './who.ts';

/** What a key may do here: by what it was made for, and by the role of its user (LiteLLM's `key_type` and `user_role`). */
export function reachOf(principal: AdminPrincipal, keys: KeyDirectory): Reach {
  if (principal.kind !== 'virtual') return 'all';
  const key = keys.findKey(principal.id);
  const role = principal.user === undefined ? undefined : keys.findUser(principal.user)?.role;
  const routes = key?.allowedRoutes ?? [];
  if (key?.keyType === 'management' || routes.includes('management_routes') || role === 'proxy_admin')
    return 'manage';
  if (key?.keyType === 'read_only' || routes.includes('info_routes') || role === 'proxy_admin_viewer')
    return 'read';
  return 'own';
}

/** Throws `admin-only` when a key that reaches so far may not ask. */
export function requireRight(who: Who, method: Method, reach: Reach): void {
  if (who === 'everybody' || who === 'any key' || reach === 'all') return;
  if (who === 'management key' && (reach === 'manage' || (reach === 'read' && method === 'GET'))) return;
  throw new GatewayError('admin-only');
}

/** Whether an operation shows more than the key's own accounts. */
export function seesAll(reach: Reach): boolean {
  return reach !== 'own';
}

/** What a team may let its members do with its keys (LiteLLM's `team_member_permissions`). */
export const MEMBER_PERMISSIONS = ['/key/info', '/key/list'] as const;

/** Whether `principal` may see a key: itself, those of its user, and those of teams that its user administers, or that let their members do so. */
export function maySeeKey(
  principal: AdminPrincipal,
  reach: Reach,
  key: KeyRecord,
  keys: KeyDirectory,
  permission: (typeof MEMBER_PERMISSIONS)[number],
): boolean {
  if (seesAll(reach) || key.id === principal.id) return true;
  if (principal.user === undefined) return false;
  if (key.user === principal.user) return true;
  const team = key.team === undefined ? undefined : keys.findTeam(key.team);
  const member = team?.members.find(({ user }) => user === principal.user);
  return member?.role === 'admin' || (member !== undefined && team!.memberPermissions.includes(permission));
}

/** Whether the user of a key administers a team. */
export function isTeamAdmin({ user }: AdminPrincipal, team: string, keys: KeyDirectory): boolean {
  if (user === undefined) return false;
  const members = keys.findTeam(team)?.members ?? [];
  return members.some((member) => member.user === user && member.role === 'admin');
}

/** Whether `principal` may see a team: its own, or one that its user belongs to. */
export function maySeeTeam(
  principal: AdminPrincipal,
  reach: Reach,
  team: string,
  keys: KeyDirectory,
): boolean {
  if (seesAll(reach) || principal.team === team) return true;
  const { user } = principal;
  return user !== undefined && keys.teamsOf(user).some(({ id }) => id === team);
}
