import type { GatewayError } from '../core/errors.ts';
import type { Exchange } from '../gateway/exchange.ts';

/** Answers a failure in the form that the route's clients read: JSON-RPC on MCP paths, LiteLLM's error body elsewhere. */
export function sendError(exchange: Exchange, error: GatewayError): void {
  const headers: Record<string, string> = {};
  const status = error.status === 200 ? 400 : error.status;
  if (status === 401) headers['www-authenticate'] = 'Bearer realm="lanport"';
  if (status === 405) headers['allow'] = 'POST, GET, DELETE';
  // RFC 9110, section 15.5.22.
  if (status === 426) headers['upgrade'] = 'HTTP/1.1';
  if (status === 503) headers['retry-after'] = '2';
  exchange.send(status, headers, isMcp(exchange.path) ? rpcBody(error) : plainBody(error, status));
}

function isMcp(path: string): boolean {
  return /(?:^|\/)(?:mcp|sse|messages)(?:\/|$)/.test(path) && !path.startsWith('/v1/');
}

function rpcBody(error: GatewayError): Buffer {
  return Buffer.from(
    JSON.stringify({
      jsonrpc: '2.0',
      id: null,
      error: {
        code: error.rpcCode,
        message: error.message,
        data: { ...error.data, lanport: error.code, retryable: error.retryable },
      },
    }),
  );
}

function plainBody(error: GatewayError, status: number): Buffer {
  return Buffer.from(
    JSON.stringify({
      error: { message: error.message, type: error.code, param: null, code: String(status), ...error.data },
    }),
  );
}
