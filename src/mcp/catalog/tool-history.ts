import { hash } from 'node:crypto';
import { type CanonicalMember, canonicalMembers, canonicalObject } from './canonical-json.ts';

/** Versions that are remembered of one tool, and tools of one server that are remembered after they are gone. */
export const VERSIONS_MAX = 50;
export const REMOVED_MAX = 500;
/** Definitions longer than this are remembered by their hashes alone. */
export const DEFINITION_CHARACTERS_MAX = 64 * 1024;
/** How exactly it is known when a definition was last seen, so that reading the same list again and again writes nothing. */
const LAST_SEEN_MS = 3_600_000;
const PART_CHARACTERS = 16;

const PARTS = ['description', 'inputSchema', 'outputSchema', 'annotations', 'other'] as const;
type Part = (typeof PARTS)[number];

/** What is different from the version before. `schema` is the one of the arguments or of the result. */
export type ToolChange = 'added' | 'removed' | 'description' | 'schema' | 'annotations' | 'other';

/** What happens with a tool that changes: it counts as accepted, is offered and reported, or is held back until it is accepted. */
export type ToolPolicy = 'accept' | 'notify' | 'hold';

/** A definition, whatever order its members came in. */
export interface ToolDigest {
  /** SHA-256 of the whole, hexadecimal. */
  readonly hash: string;
  readonly parts: Readonly<Record<Part, string>>;
  /** Canonical JSON text, unless it is too long. */
  readonly definition: string | undefined;
}

/** One definition that a tool has had. Times in milliseconds since the Unix epoch. */
export interface ToolVersion extends ToolDigest {
  readonly firstSeen: number;
  /** To the hour. */
  readonly lastSeen: number;
  /** Against the version before. */
  readonly change: readonly ToolChange[];
  readonly accepted: { readonly at: number; readonly by: string } | undefined;
}

/** What is remembered of one tool, by the server's own name of it. */
export interface ToolHistory {
  readonly tool: string;
  /** Oldest first. */
  readonly versions: readonly ToolVersion[];
  /** Hash of the version that the server offers; `undefined` while it offers none. */
  readonly current: string | undefined;
  readonly removedAt: number | undefined;
}

export type ServerHistory = ReadonlyMap<string, ToolHistory>;

/** What a reading of a server's list brought. */
export interface ToolReviewed {
  readonly history: ServerHistory;
  /** In the order of the list, the removed ones last. Empty at the first reading of a server. */
  readonly changes: readonly { readonly tool: string; readonly change: readonly ToolChange[] }[];
  /** What has to be stored, and which tools to forget. */
  readonly changed: readonly ToolHistory[];
  readonly forgotten: readonly string[];
}

/** The digest of a definition that was read as JSON before. */
export function digestTool(text: string): ToolDigest {
  const members = canonicalMembers(text);
  const whole = canonicalObject(members);
  const own: Record<Part, CanonicalMember[]> = {
    description: [],
    inputSchema: [],
    outputSchema: [],
    annotations: [],
    other: [],
  };
  for (const member of members) own[PARTS.find((part) => member[0] === `"${part}"`) ?? 'other'].push(member);
  const parts = Object.fromEntries(
    PARTS.map((part) => [part, hash('sha256', canonicalObject(own[part]), 'hex').slice(0, PART_CHARACTERS)]),
  ) as Record<Part, string>;
  return {
    hash: hash('sha256', whole, 'hex'),
    parts,
    definition: whole.length > DEFINITION_CHARACTERS_MAX ? undefined : whole,
  };
}

/**
 * Compares what a server offers now with what is remembered. The first reading of a server that offers anything is taken as it is;
 * after it, a definition that was never accepted stays unaccepted under `hold`, and under `notify` when the tool was known before.
 */
export function reviewTools(
  before: ServerHistory,
  seen: ReadonlyMap<string, ToolDigest>,
  policy: ToolPolicy,
  now: number,
): ToolReviewed {
  const first = before.size === 0;
  const history = new Map(before);
  const changes: { tool: string; change: readonly ToolChange[] }[] = [];
  const changed: ToolHistory[] = [];
  for (const [tool, digest] of seen) {
    const known = before.get(tool);
    const next =
      known === undefined
        ? newTool(tool, digest, first ? 'first reading' : IMPLIED[policy].added, now)
        : seenAgain(known, digest, IMPLIED[policy].changed, now);
    if (next === known) continue;
    history.set(tool, next);
    changed.push(next);
    if (first || known?.current === digest.hash) continue;
    changes.push({ tool, change: changeOf(known, digest) });
  }
  for (const known of before.values()) {
    if (seen.has(known.tool) || known.current === undefined) continue;
    const gone: ToolHistory = { ...known, current: undefined, removedAt: now };
    history.set(known.tool, gone);
    changed.push(gone);
    changes.push({ tool: known.tool, change: ['removed'] });
  }
  const forgotten = tooManyRemoved(history);
  for (const tool of forgotten) history.delete(tool);
  return { history, changes, changed: changed.filter(({ tool }) => history.has(tool)), forgotten };
}

/** By what a definition counts as accepted that nobody looked at. */
const IMPLIED: Readonly<Record<ToolPolicy, { readonly added?: string; readonly changed?: string }>> = {
  accept: { added: 'built in', changed: 'built in' },
  notify: { added: 'on_tool_change: notify' },
  hold: {},
};

/** What waits for the operator: the current version, when it was never accepted, and how it differs from the last one that was. */
export function pendingOf(
  history: ToolHistory,
): { readonly version: ToolVersion; readonly change: readonly ToolChange[] } | undefined {
  const version = history.versions.find(({ hash: one }) => one === history.current);
  if (version === undefined || version.accepted !== undefined) return undefined;
  const baseline = lastAccepted(history);
  return { version, change: baseline === undefined ? ['added'] : differences(baseline, version) };
}

/** The history with one version accepted, or with its acceptance taken back. */
export function withAcceptance(
  history: ToolHistory,
  version: string,
  accepted: ToolVersion['accepted'],
): ToolHistory {
  const versions = history.versions.map((one) => (one.hash === version ? { ...one, accepted } : one));
  return { ...history, versions };
}

/** The accepted version that was seen last. */
export function lastAccepted(history: ToolHistory): ToolVersion | undefined {
  return history.versions
    .filter((version) => version.accepted !== undefined)
    .reduce<ToolVersion | undefined>(
      (best, version) => (best === undefined || version.lastSeen >= best.lastSeen ? version : best),
      undefined,
    );
}

/** Which parts of two definitions differ. */
export function differences(one: ToolDigest, two: ToolDigest): readonly ToolChange[] {
  const found = PARTS.filter((part) => one.parts[part] !== two.parts[part]).map(
    (part): ToolChange => (part === 'inputSchema' || part === 'outputSchema' ? 'schema' : part),
  );
  return [...new Set(found)];
}

function newTool(tool: string, digest: ToolDigest, by: string | undefined, now: number): ToolHistory {
  return {
    tool,
    versions: [versionOf(digest, ['added'], by, now)],
    current: digest.hash,
    removedAt: undefined,
  };
}

function seenAgain(known: ToolHistory, digest: ToolDigest, by: string | undefined, now: number): ToolHistory {
  const before = known.versions.find(({ hash: one }) => one === digest.hash);
  if (before !== undefined && known.current === digest.hash && now - before.lastSeen < LAST_SEEN_MS)
    return known;
  const versions =
    before === undefined
      ? [...known.versions, versionOf(digest, changeOf(known, digest), by, now)]
      : known.versions.map((one) =>
          one === before ? { ...one, lastSeen: Math.max(one.lastSeen, now) } : one,
        );
  return trimmed({ ...known, versions, current: digest.hash, removedAt: undefined });
}

function versionOf(
  digest: ToolDigest,
  change: readonly ToolChange[],
  by: string | undefined,
  now: number,
): ToolVersion {
  return {
    ...digest,
    firstSeen: now,
    lastSeen: now,
    change,
    accepted: by === undefined ? undefined : { at: now, by },
  };
}

/** Against the version that the tool had, or had last when it was gone meanwhile. */
function changeOf(known: ToolHistory | undefined, digest: ToolDigest): readonly ToolChange[] {
  if (known === undefined) return ['added'];
  const before =
    known.versions.find(({ hash: one }) => one === known.current) ??
    known.versions.reduce<ToolVersion | undefined>(
      (best, version) => (best === undefined || version.lastSeen >= best.lastSeen ? version : best),
      undefined,
    );
  const parts = before === undefined ? [] : differences(before, digest);
  return known.current === undefined ? ['added', ...parts] : parts;
}

/** Drops the versions that were seen longest ago, but never the current one nor the one that changes are measured against. */
function trimmed(history: ToolHistory): ToolHistory {
  if (history.versions.length <= VERSIONS_MAX) return history;
  const baseline = lastAccepted(history);
  const spare = history.versions
    .filter((version) => version.hash !== history.current && version !== baseline)
    .sort((one, two) => one.lastSeen - two.lastSeen || one.firstSeen - two.firstSeen)
    .slice(0, history.versions.length - VERSIONS_MAX);
  return { ...history, versions: history.versions.filter((version) => !spare.includes(version)) };
}

function tooManyRemoved(history: ServerHistory): readonly string[] {
  const removed = [...history.values()].filter(({ current }) => current === undefined);
  if (removed.length <= REMOVED_MAX) return [];
  return removed
    .sort((one, two) => (one.removedAt ?? 0) - (two.removedAt ?? 0))
    .slice(0, removed.length - REMOVED_MAX)
    .map(({ tool }) => tool);
}
