import { describe, routes } from './gateway/describe.ts';
import { reload } from './gateway/reload.ts';
import { blockKey, unblockKey } from './keys/block-key.ts';
import { deleteKeys } from './keys/delete-keys.ts';
import { generateKey, generateServiceAccountKey } from './keys/generate-key.ts';
import { keyHealth } from './keys/key-health.ts';
import { keyInfo, keysInfo } from './keys/key-info.ts';
import { listKeyAliases, listKeys } from './keys/list-keys.ts';
import { regenerateKey, regenerateNamedKey } from './keys/regenerate-key.ts';
import { resetSpend, updateKey, updateManyKeys } from './keys/update-key.ts';
import { countTokens } from './models/token-counter.ts';
import type { Operation } from './operation.ts';
import { codeOfSecret } from './ledger/code-of-secret.ts';
import { exportCalls } from './ledger/export-calls.ts';
import { followCalls } from './ledger/follow-calls.ts';
import { queryCalls } from './ledger/query-calls.ts';
import { showCall } from './ledger/show-call.ts';
import { listAccessGroups } from './servers/list-access-groups.ts';
import { listServers } from './servers/list-servers.ts';
import { restartServer } from './servers/restart-server.ts';
import { getServer } from './servers/show-server.ts';
import { globalActivity, globalActivityByModel } from './spend/activity.ts';
import { calculate } from './spend/calculate.ts';
import { teamDailyActivity, userDailyActivity, userDailyActivityWhole } from './spend/daily-activity.ts';
import {
  globalSpend,
  globalSpendKeys,
  globalSpendLogs,
  globalSpendModels,
  globalSpendProviders,
  globalSpendReport,
  globalSpendTeams,
} from './spend/global-spend.ts';
import { spendKeys, spendTags, spendUsers } from './spend/spend-accounts.ts';
import { spendLogs } from './spend/spend-logs.ts';
import { blockTeam, unblockTeam } from './teams/block-team.ts';
import { addManyMembers } from './teams/bulk-members.ts';
import { deleteTeams } from './teams/delete-teams.ts';
import { listTeamsPage } from './teams/list-teams-page.ts';
import { listPermissions, updatePermissions } from './teams/member-permissions.ts';
import { newTeam } from './teams/new-team.ts';
import { listTeams, teamInfo } from './teams/team-info.ts';
import { addMembers, removeMember, updateMember } from './teams/team-members.ts';
import { addTeamModels, removeTeamModels } from './teams/team-models.ts';
import { updateTeam } from './teams/update-team.ts';
import { acceptTools } from './tools/accept-tools.ts';
import { heldTools } from './tools/held-tools.ts';
import { listTools } from './tools/list-tools.ts';
import { toolsHistory } from './tools/tools-history.ts';
import { deleteUsers } from './users/delete-users.ts';
import { listUsers } from './users/list-users.ts';
import { newUser } from './users/new-user.ts';
import { updateManyUsers, updateUser } from './users/update-user.ts';
import { userInfo } from './users/user-info.ts';

/** Every operation of the operator API, in the order of the reference. */
export const OPERATIONS: readonly Operation[] = [
  generateKey,
  generateServiceAccountKey,
  updateKey,
  updateManyKeys,
  resetSpend,
  keyInfo,
  keysInfo,
  listKeys,
  listKeyAliases,
  deleteKeys,
  blockKey,
  unblockKey,
  regenerateKey,
  regenerateNamedKey,
  keyHealth,
  newUser,
  userInfo,
  updateUser,
  updateManyUsers,
  deleteUsers,
  listUsers,
  userDailyActivity,
  userDailyActivityWhole,
  newTeam,
  teamInfo,
  listTeams,
  listTeamsPage,
  updateTeam,
  deleteTeams,
  blockTeam,
  unblockTeam,
  addMembers,
  addManyMembers,
  removeMember,
  updateMember,
  listPermissions,
  updatePermissions,
  addTeamModels,
  removeTeamModels,
  teamDailyActivity,
  spendLogs,
  spendKeys,
  spendUsers,
  spendTags,
  calculate,
  globalSpend,
  globalSpendLogs,
  globalSpendKeys,
  globalSpendTeams,
  globalSpendModels,
  globalSpendProviders,
  globalSpendReport,
  globalActivity,
  globalActivityByModel,
  queryCalls,
  exportCalls,
  followCalls,
  showCall,
  codeOfSecret,
  listServers,
  getServer,
  restartServer,
  listAccessGroups,
  listTools,
  heldTools,
  toolsHistory,
  acceptTools,
  reload,
  countTokens,
  routes,
  describe,
];
