import { GATEWAY_PAINS } from './gateway-pains.ts';
import { LIMITS } from './limits.ts';
import { MCP_RULES } from './mcp-rules.ts';

/** Promises that have a file of their own. */
export const CHAPTERS = { ...MCP_RULES, ...GATEWAY_PAINS, ...LIMITS } as const;
