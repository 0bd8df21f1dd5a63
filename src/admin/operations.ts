import { recentCalls } from './gateway/recent-calls.ts';
import { reload } from './gateway/reload.ts';
import type { Operation } from './operation.ts';
import { listAccessGroups } from './servers/list-access-groups.ts';
import { listServers } from './servers/list-servers.ts';
import { restartServer } from './servers/restart-server.ts';
import { getServer } from './servers/show-server.ts';
import { acceptTools } from './tools/accept-tools.ts';
import { heldTools } from './tools/held-tools.ts';
import { listTools } from './tools/list-tools.ts';
import { toolsHistory } from './tools/tools-history.ts';

/** Every operation of the operator API, in the order of the reference. */
export const OPERATIONS: readonly Operation[] = [
  recentCalls,
  listServers,
  getServer,
  restartServer,
  listAccessGroups,
  listTools,
  heldTools,
  toolsHistory,
  acceptTools,
  reload,
];
