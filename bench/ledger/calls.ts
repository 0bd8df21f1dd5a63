import type { CallEnd, CallStart } from '../../src/ledger/ledger-ports.ts';

const KEYS = 50;
const TOOLS = 20;

/** The `at`-th call of a ledger that is used by many: both of its records. */
export function callOf(
  id: string,
  startedAt: number,
  at: number,
): { readonly start: CallStart; readonly end: CallEnd } {
  const tool = (at * 7) % TOOLS;
  const start: CallStart = {
    id,
    startedAt,
    kind: 'mcp',
    operation: 'tools/call',
    keyId: `key-${at % KEYS}`,
    keyAlias: `alias of key ${at % KEYS}`,
    user: `user-${at % 10}`,
    team: `team-${at % 4}`,
    address: '192.168.1.20',
    client: 'claude-code/2.0.1',
    server: `server-${tool % 4}`,
    toolName: `server-${tool % 4}-tool_${tool}`,
    originalName: `tool_${tool}`,
    model: undefined,
    decision: 'allowed',
    rule: 'virtual_keys[3].mcp_servers',
    bytesIn: 312,
    traceId: undefined,
  };
  const end: CallEnd = {
    id,
    endedAt: startedAt + 12,
    status: at % 50 === 0 ? 'tool-error' : 'ok',
    errorCode: undefined,
    totalMs: 12.345,
    upstreamMs: 11.5,
    bytesOut: 2_048,
    promptTokens: undefined,
    completionTokens: undefined,
    cost: (at % 100) / 1_000,
  };
  return { start, end };
}
