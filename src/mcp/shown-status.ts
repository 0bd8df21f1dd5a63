import type { ServerStatus } from './upstream/server-state.ts';

/** Characters of what a server wrote to stderr that are shown. */
const STDERR_CHARACTERS_MAX = 4_000;

/** A server's status as the operator API and /health show it: times as RFC 3339. */
export function shownStatus(status: ServerStatus): Record<string, unknown> {
  const { since, toolsReadAt, stderr, history, ...rest } = status;
  return {
    server_id: status.name,
    ...rest,
    since: new Date(since).toISOString(),
    toolsReadAt: toolsReadAt === undefined ? undefined : new Date(toolsReadAt).toISOString(),
    history: history.map(({ at, ...entry }) => ({ at: new Date(at).toISOString(), ...entry })),
    stderr: stderr === '' ? undefined : stderr.slice(-STDERR_CHARACTERS_MAX),
  };
}
