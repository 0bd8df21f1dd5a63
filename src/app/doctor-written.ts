import { childOf, type MapNode, nodeAt } from '../config/tree.ts';
import { Secret } from '../core/secret.ts';
import type { AsWritten } from '../mcp/diagnose.ts';

/** What the entry of a server says literally, of which the loaded configuration keeps only what it means. */
export function writtenOf(root: MapNode, server: string): AsWritten {
  const entry = nodeAt(root, ['mcp_servers', server]);
  const text = (key: string): string | undefined => {
    const node = childOf(entry, key);
    return node?.kind === 'scalar' && node.value !== null ? String(node.value) : undefined;
  };
  const credential = text('authentication_token') ?? text('auth_value');
  return {
    transport: text('transport'),
    credential: credential === undefined ? undefined : new Secret(credential),
  };
}
