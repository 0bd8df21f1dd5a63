import type { TraceContext } from '../core/trace.ts';
import type { Principal } from '../auth/authenticate.ts';
import { ERRORS, GatewayError } from '../core/errors.ts';
import { errorMessage, errorObject, type Inbound, type RpcRequest } from '../mcp/mcp-wire.ts';
import type { Visibility } from '../policy/visibility.ts';
import type { Log } from '../telemetry/log.ts';
import type { Body, Exchange } from './exchange.ts';

/** Who asks, over what, and what they may see: fixed before the first message is looked at. */
export interface McpContext {
  readonly exchange: Exchange;
  readonly principal: Principal;
  readonly visibility: Visibility;
  /** Distinguishes this address from others in `serverInfo.name`. */
  readonly scopeName: string | undefined;
  /** The request to the model that causes these calls. */
  readonly parentId?: string | undefined;
  /** Where in a trace that request is. */
  readonly trace?: TraceContext | undefined;
  /** For somebody who does not speak MCP: the message was made here, and no header of the request speaks of it. */
  readonly isMadeHere?: boolean;
}

/** The answer to one message: HTTP status and JSON-RPC message. */
export interface Reply {
  readonly status: number;
  readonly message: Body;
  /** What kept the request from being answered, for those who do not read it in the message. */
  readonly failure?: GatewayError;
}

/** Any failure as one that may be shown; what was not foreseen is logged and answered as `internal`. */
export function asGatewayError(
  error: unknown,
  exchange: Exchange,
  deps: { readonly log: Log },
): GatewayError {
  if (error instanceof GatewayError) return error;
  deps.log.error('a request broke', {
    request: exchange.requestId,
    path: exchange.path,
    error,
    stack: error instanceof Error ? error.stack : undefined,
  });
  return new GatewayError('internal', { request: exchange.requestId }, { cause: error });
}

/** A failure as the answer to a request. */
export function errorReply(failure: GatewayError, { idBytes }: RpcRequest, { era }: Inbound): Reply {
  const status = era === 'legacy' && failure.code === 'rpc-method' ? 200 : failure.status;
  return { status, message: errorMessage(idBytes, errorObject(failure)), failure };
}

/** Whether the error is one that the model should read as a tool's result rather than the client as a protocol error. */
export function isToolTrouble(error: GatewayError): boolean {
  if (error.code === 'limit-reached' || error.code === 'budget-exceeded') return true;
  return ERRORS[error.code].actor !== 'caller' && error.rpcCode >= 1440 && error.rpcCode < 1450;
}
