import { GatewayError } from '../core/errors.ts';
import type { ToolCosts } from '../limits/limits-config.ts';
import type { Admission, Refusal } from '../limits/limits-ports.ts';
import type { Gate } from '../limits/limits.ts';
import type { CallTarget } from '../mcp/mcp-wire.ts';
import { isSpent, refusalText, retrySeconds } from './limit-text.ts';
import type { McpContext } from './mcp-context.ts';

export interface LimitMcpDeps {
  readonly limits: Gate;
  /** What a call of a server's tools costs, where somebody said so. */
  readonly toolCosts: (server: string) => ToolCosts | undefined;
}

/** What became of a call, as far as its price depends on it. */
interface Answered {
  readonly status: string;
  readonly errorCode: string | undefined;
  /** Whether the server asked something instead of answering. */
  readonly isAsked: boolean;
}

const PICO_PER_DOLLAR = 1_000_000_000_000;

/** Whether a request to a server may go on, by everything that limits it. What a model calls takes no slot besides that of the request to the model. */
export function admitTool(
  target: CallTarget,
  { exchange, principal, parentId }: McpContext,
  { limits, toolCosts }: LimitMcpDeps,
): Admission | Refusal | Promise<Admission | Refusal> {
  return limits.admit({
    holder: principal,
    target: { scope: 'server', id: target.server },
    isNested: parentId !== undefined,
    estimate: () => ({ tokens: 0, cost: picoOf(costOf(target, toolCosts)) }),
    onGone: (gone) => exchange.onGone(gone),
  });
}

/**
 * The answer to a request over a limit. A tool's caller gets it as a result that its model can read, any other request as a JSON-RPC error: an HTTP 429 would
 * be taken for a broken connection by clients of MCP, and the model would never hear of it.
 */
export function limitReached(
  refusal: Refusal,
  outcome: { status: string; errorCode: string | undefined },
): GatewayError {
  const code = refusal.isGone ? 'client-gone' : isSpent(refusal) ? 'budget-exceeded' : 'limit-reached';
  outcome.status = refusal.isGone ? 'cancelled' : 'denied';
  outcome.errorCode = code;
  const seconds = retrySeconds(refusal);
  return new GatewayError(
    code,
    { what: refusalText(refusal) },
    seconds === undefined ? {} : { data: { retryAfterSeconds: seconds } },
  );
}

/** Settles what was reserved, and returns what the call costs, in US dollars, for the record. What never reached the server costs nothing. */
export function settleTool(
  admission: Admission,
  target: CallTarget,
  { status, errorCode, isAsked }: Answered,
  { toolCosts }: LimitMcpDeps,
): number | undefined {
  const isUsed =
    !isAsked &&
    (status === 'ok' || status === 'tool-error' || status === 'timeout' || errorCode === 'call-lost');
  const cost = isUsed ? costOf(target, toolCosts) : undefined;
  admission.settle({ tokens: 0, cost: picoOf(cost) });
  return cost;
}

/** US dollars; a call that is none of a tool costs nothing. */
function costOf({ server, tool }: CallTarget, toolCosts: LimitMcpDeps['toolCosts']): number | undefined {
  if (tool === undefined) return undefined;
  const costs = toolCosts(server);
  return costs === undefined ? undefined : (costs.byTool[tool.originalName] ?? costs.standard);
}

function picoOf(usd: number | undefined): number {
  return usd === undefined ? 0 : Math.round(usd * PICO_PER_DOLLAR);
}
