import type { ServerCatalog } from '../catalog/catalog.ts';
import { capabilitiesOf } from '../upstream/read-offer.ts';
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
  /** Whether some server in scope has not been seen yet, so that nobody knows what it can do. */
  readonly isUnsure: boolean;
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
  const capabilities = mergeCapabilities(description);
  if (era === 'legacy') {
    return Buffer.from(
      JSON.stringify({ protocolVersion: description.revision, capabilities, serverInfo, ...common }),
    );
  }
  return Buffer.from(
    JSON.stringify({
      resultType: 'complete',
      supportedVersions: [...MODERN_REVISIONS, ...LEGACY_REVISIONS],
      capabilities,
      ...common,
      ttlMs: 0,
      cacheScope: 'private',
      _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo },
    }),
  );
}

/** What the servers in scope can do together. Tasks pass within an era only, so they are advertised to clients of the server's own. */
function mergeCapabilities({ era, offers, isUnsure }: Description): Record<string, unknown> {
  const declared = offers.map((offer) => ({ era: offer.found.era, object: capabilitiesOf(offer) }));
  const some = (name: string): boolean => declared.some(({ object }) => object?.has(name) === true);
  const capabilities: Record<string, unknown> = { tools: { listChanged: true } };
  if (isUnsure || some('prompts') || offers.some((offer) => offer.prompts.length > 0))
    capabilities['prompts'] = { listChanged: true };
  if (
    isUnsure ||
    some('resources') ||
    offers.some((offer) => offer.resources.length + offer.templates.length > 0)
  ) {
    const subscribe = declared.some(({ object }) => object?.child('resources')?.value('subscribe') === true);
    capabilities['resources'] = { listChanged: true, ...(subscribe || isUnsure ? { subscribe: true } : {}) };
  }
  if (some('completions')) capabilities['completions'] = {};
  if (some('logging') || declared.some((one) => one.era === 'modern')) capabilities['logging'] = {};
  const mine = declared.filter((one) => one.era === era);
  const tasks = mine.find(({ object }) => object?.has('tasks') === true)?.object?.child('tasks');
  // Tasks of other clients would be in the list.
  if (tasks !== undefined) capabilities['tasks'] = withoutKey(tasks.value('requests'), tasks.has('cancel'));
  const extensions: Record<string, unknown> = {};
  for (const { object } of era === 'modern' ? declared : mine) {
    const own = object?.child('extensions');
    for (const key of own?.keys ?? []) extensions[key] ??= own!.value(key);
  }
  if (Object.keys(extensions).length > 0) capabilities['extensions'] = extensions;
  if (offers.length === 1) {
    const experimental = declared[0]?.object?.value('experimental');
    if (experimental !== undefined) capabilities['experimental'] = experimental;
  }
  return capabilities;
}

function withoutKey(requests: unknown, cancel: boolean): Record<string, unknown> {
  return { ...(cancel ? { cancel: {} } : {}), ...(requests === undefined ? {} : { requests }) };
}

/** The servers' own instructions, one heading each when there are several; bounded. */
function mergeInstructions(offers: readonly ServerCatalog[]): string | undefined {
  const speaking = offers.filter(
    (offer) => offer.instructions !== undefined && offer.instructions.trim() !== '',
  );
  if (speaking.length === 0) return undefined;
  if (offers.length === 1) return cut(speaking[0]!.instructions!, INSTRUCTIONS_CHARACTERS_MAX);
  const each = Math.floor(INSTRUCTIONS_CHARACTERS_MAX / speaking.length);
  return speaking.map((offer) => `# ${offer.server}\n${cut(offer.instructions!, each)}`).join('\n\n');
}

/** Half of a surrogate pair, which some readers of JSON refuse, does not stay behind. */
function cut(text: string, charactersMax: number): string {
  return text.slice(0, charactersMax).toWellFormed();
}
