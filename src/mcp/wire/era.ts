import { GatewayError } from '../../core/errors.ts';
import type { RpcMessage } from './message.ts';
import { ASSUMED_LEGACY, type Era, eraOf, LEGACY_REVISIONS, MODERN_REVISIONS } from './revisions.ts';

export const META_VERSION = 'io.modelcontextprotocol/protocolVersion';
export const META_CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
export const META_CLIENT = 'io.modelcontextprotocol/clientInfo';
export const META_LOG_LEVEL = 'io.modelcontextprotocol/logLevel';
export const META_SERVER = 'io.modelcontextprotocol/serverInfo';

export interface Classified {
  readonly era: Era;
  readonly revision: string;
}

/**
 * Which era a request over HTTP belongs to. A body with a modern `_meta`, or a modern version header, is modern; `initialize` and
 * claim-less bodies are legacy (2026-07-28, "Backward compatibility"). Unknown versions: `version-unsupported`.
 */
export function classify(message: RpcMessage, versionHeader: string | undefined): Classified {
  const claimed = claimOf(message);
  if (claimed !== undefined) {
    if (eraOf(claimed) === 'modern') return { era: 'modern', revision: claimed };
    if (versionHeader !== undefined && versionHeader !== claimed)
      throw new GatewayError('header-mismatch', {
        header: 'MCP-Protocol-Version',
        reason: 'it differs from params._meta',
      });
    throw unsupported(claimed);
  }
  if (message.kind === 'request' && message.method === 'initialize') {
    return { era: 'legacy', revision: ASSUMED_LEGACY };
  }
  if (versionHeader === undefined) return { era: 'legacy', revision: ASSUMED_LEGACY };
  const era = eraOf(versionHeader);
  if (era === undefined) throw unsupported(versionHeader);
  return { era, revision: versionHeader };
}

/** The revision that the body itself claims, for requests and notifications with a modern envelope. */
function claimOf(message: RpcMessage): string | undefined {
  if (message.kind !== 'request' && message.kind !== 'notification') return undefined;
  return message.params?.child('_meta')?.string(META_VERSION);
}

export function unsupported(requested: string): GatewayError {
  return new GatewayError(
    'version-unsupported',
    { requested: requested.slice(0, 40) },
    { data: { supported: [...MODERN_REVISIONS, ...LEGACY_REVISIONS], requested: requested.slice(0, 40) } },
  );
}
