import type { IncomingHttpHeaders } from 'node:http';
import { GatewayError } from '../../core/errors.ts';
import { classify } from '../wire/era.ts';
import { BATCH_MESSAGES_MAX, type RpcMessage, readMessages } from '../wire/message.ts';
import { validateModern } from '../wire/modern/validate.ts';
import type { Era } from '../wire/revisions.ts';
import type { Session, Sessions } from './sessions.ts';

/** What one POST carried. */
export interface Inbound {
  readonly era: Era;
  readonly revision: string;
  readonly session: Session | undefined;
  readonly batch: boolean;
  readonly messages: readonly RpcMessage[];
}

/**
 * Reads a POST body and places it: era, revision, session. Batches are taken from legacy clients (2025-03-26 has them). A legacy
 * request without a session is served too: some clients never send the id back. Throws GatewayError.
 */
export function receive(
  body: Buffer,
  headers: IncomingHttpHeaders,
  principalId: string,
  sessions: Sessions,
): Inbound {
  const { batch, messages } = readMessages(body, BATCH_MESSAGES_MAX);
  const first = messages[0]!;
  const versionHeader = headers['mcp-protocol-version'];
  const { era, revision } = classify(first, typeof versionHeader === 'string' ? versionHeader : undefined);
  if (era === 'modern') {
    if (batch)
      throw new GatewayError('rpc-invalid', { reason: 'protocol revision 2026-07-28 has no batches' });
    if (first.kind === 'result' || first.kind === 'error')
      throw new GatewayError('rpc-invalid', {
        reason: 'protocol revision 2026-07-28 has no responses from clients',
      });
    validateModern(first, headers);
    return { era, revision, session: undefined, batch, messages };
  }
  const sessionHeader = headers['mcp-session-id'];
  const isInitialize = first.kind === 'request' && first.method === 'initialize';
  const session =
    typeof sessionHeader === 'string' && !isInitialize
      ? sessions.find(sessionHeader, principalId)
      : undefined;
  return { era, revision: session?.revision ?? revision, session, batch, messages };
}
