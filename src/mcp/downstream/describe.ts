import type { ServerCatalog } from '../catalog/catalog.ts';
import type { Identity } from '../wire/outbound.ts';
import { type Era, LEGACY_REVISIONS, MODERN_REVISIONS } from '../wire/revisions.ts';

const INSTRUCTIONS_CHARACTERS_MAX = 8_192;

export interface Description {
  readonly era: Era;
  /** The revision that a legacy client will speak from here on. */
  readonly revision: string;
  /** Part of the path that narrows the scope; makes the name unique for clients that tell servers apart by it. */
  readonly scopeName: string | undefined;
  readonly identity: Identity;
  readonly offers: readonly ServerCatalog[];
}

/** JSON text of what the gateway says of itself. Only what works is advertised. */
export function describeGateway(description: Description): Buffer {
  const { era, identity, scopeName } = description;
  const serverInfo = {
    ...identity,
    name: scopeName === undefined ? identity.name : `${identity.name}-${scopeName}`.slice(0, 64),
  };
  const instructions = mergeInstructions(description.offers);
  const common = { ...(instructions === undefined ? {} : { instructions }) };
  if (era === 'legacy') {
    return Buffer.from(
      JSON.stringify({
        protocolVersion: description.revision,
        capabilities: { tools: { listChanged: true } },
        serverInfo,
        ...common,
      }),
    );
  }
  return Buffer.from(
    JSON.stringify({
      resultType: 'complete',
      supportedVersions: [...MODERN_REVISIONS, ...LEGACY_REVISIONS],
      capabilities: { tools: {} },
      ...common,
      ttlMs: 0,
      cacheScope: 'private',
      _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo },
    }),
  );
}

/** The servers' own instructions, one heading each when there are several; bounded. */
function mergeInstructions(offers: readonly ServerCatalog[]): string | undefined {
  const speaking = offers.filter(
    (offer) => offer.instructions !== undefined && offer.instructions.trim() !== '',
  );
  if (speaking.length === 0) return undefined;
  if (offers.length === 1) return speaking[0]!.instructions!.slice(0, INSTRUCTIONS_CHARACTERS_MAX);
  const each = Math.floor(INSTRUCTIONS_CHARACTERS_MAX / speaking.length);
  return speaking.map((offer) => `# ${offer.server}\n${offer.instructions!.slice(0, each)}`).join('\n\n');
}
