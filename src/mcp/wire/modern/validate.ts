import type { IncomingHttpHeaders } from 'node:http';
import { GatewayError } from '../../../core/errors.ts';
import { META_CAPABILITIES, META_VERSION, unsupported } from '../era.ts';
import type { RpcMessage } from '../message.ts';
import { eraOf } from '../revisions.ts';
import { decodeHeaderValue } from './header-value.ts';
import { type ParamHeader, paramHeaders } from './param-headers.ts';

/** Which parameter each method's `Mcp-Name` header repeats (2026-07-28, Transports, "Standard request headers"). */
export const NAMED_BY: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};

/** Checks the envelope of a modern request: `_meta` complete, headers present and equal to the body. Throws the documented errors. */
export function validateModern(
  message: Extract<RpcMessage, { kind: 'request' | 'notification' }>,
  headers: IncomingHttpHeaders,
): void {
  const version = headers['mcp-protocol-version'];
  const meta = message.params?.child('_meta');
  const claimed = meta?.string(META_VERSION);
  if (message.kind === 'request') {
    if (claimed === undefined) throw new GatewayError('meta-missing', { field: META_VERSION });
    if (meta?.slice(META_CAPABILITIES)?.[0] !== 0x7b)
      throw new GatewayError('meta-missing', { field: META_CAPABILITIES });
  }
  if (typeof version !== 'string') throw mismatch('MCP-Protocol-Version', 'it is missing');
  if (eraOf(version) === undefined) throw unsupported(version);
  if (claimed !== undefined && version !== claimed)
    throw mismatch('MCP-Protocol-Version', `"${version}" against "${claimed}"`);
  const method = headers['mcp-method'];
  if (typeof method !== 'string') throw mismatch('Mcp-Method', 'it is missing');
  if (method.trim() !== message.method)
    throw mismatch('Mcp-Method', `"${method}" against "${message.method}"`);
  const key = NAMED_BY[message.method];
  if (key === undefined) return;
  const name = headers['mcp-name'];
  const expected = message.params?.string(key);
  if (typeof name !== 'string') throw mismatch('Mcp-Name', 'it is missing');
  if (decodeHeaderValue(name) !== expected) throw mismatch('Mcp-Name', `it does not name params.${key}`);
}

/** Checks that every annotated argument of a call is repeated in its `Mcp-Param-*` header, and no header claims another value. */
export function validateParamHeaders(
  annotated: readonly ParamHeader[],
  args: unknown,
  headers: IncomingHttpHeaders,
): void {
  const expected = new Map(
    paramHeaders(annotated, args).map(([name, value]) => [name.toLowerCase(), decodeHeaderValue(value)]),
  );
  for (const { name } of annotated) {
    const header = `mcp-param-${name.toLowerCase()}`;
    const sent = headers[header];
    const wanted = expected.get(header);
    if (sent === undefined && wanted === undefined) continue;
    if (typeof sent !== 'string')
      throw mismatch(`Mcp-Param-${name}`, 'it is missing or repeated, and the arguments have the value');
    const decoded = decodeHeaderValue(sent);
    if (decoded === undefined) throw mismatch(`Mcp-Param-${name}`, 'its Base64 is broken');
    if (decoded !== wanted && !(wanted !== undefined && isSameNumber(decoded, wanted))) {
      throw mismatch(`Mcp-Param-${name}`, 'it differs from the argument');
    }
  }
}

function isSameNumber(a: string, b: string): boolean {
  return a !== '' && b !== '' && Number(a) === Number(b);
}

function mismatch(header: string, reason: string): GatewayError {
  return new GatewayError('header-mismatch', { header, reason });
}
