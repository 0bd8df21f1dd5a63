import { META_VERSION } from '../era.ts';
import type { RpcNotification, RpcRequest } from '../message.ts';
import { encodeHeaderValue } from './header-value.ts';
import { type ParamHeader, paramHeaders } from './param-headers.ts';
import { NAMED_BY } from './validate.ts';

/**
 * The headers that repeat parts of a modern message (2026-07-28, Transports, "Standard request headers"). `assumed` is the revision of
 * a message that claims none itself, `annotated` what the called tool's schema asks to be repeated.
 */
export function requestHeaders(
  message: RpcRequest | RpcNotification,
  assumed: string,
  annotated: readonly ParamHeader[],
): [name: string, value: string][] {
  const { method, params } = message;
  const lines: [string, string][] = [
    ['MCP-Protocol-Version', encodeHeaderValue(params?.child('_meta')?.string(META_VERSION) ?? assumed)],
    ['Mcp-Method', encodeHeaderValue(method)],
  ];
  const key = NAMED_BY[method];
  const name = key === undefined ? undefined : params?.string(key);
  if (name !== undefined) lines.push(['Mcp-Name', encodeHeaderValue(name)]);
  if (annotated.length > 0) lines.push(...paramHeaders(annotated, params?.value('arguments')));
  return lines;
}
