import { createHash } from 'node:crypto';
import type { JsonObject } from '../../core/json-scan.ts';
import type { ListKind } from '../upstream/read-offer.ts';
import { withValue } from '../wire/compose.ts';
import { rewriteStrings } from '../wire/rewrite.ts';
import type { Era } from '../wire/revisions.ts';
import type { PromptEntry, ResourceEntry, TemplateEntry } from './items.ts';
import { exposedName, hashedName, ownerOf } from './names.ts';
import type { ToolEntry } from './tool-entry.ts';
import { namespacedUri, splitUri } from './uris.ts';

/** How long a modern client may keep a list, in milliseconds: not at all, since it may change at any moment. */
const LIST_TTL_MS = 0;

/** What a name stands for in a view. */
export type Resolved<T = ToolEntry> =
  | { readonly kind: 'found'; readonly item: T }
  | { readonly kind: 'ambiguous'; readonly candidates: readonly string[] }
  | { readonly kind: 'unknown' };

/** Where a URI leads: the server, and the URI as it knows it. */
export interface ResourceTarget {
  readonly server: string;
  readonly uri: string;
}

/** What one visibility shows: routing tables, and ready-made answers to the lists. */
export interface View {
  readonly tools: ReadonlyMap<string, ToolEntry>;
  /** JSON text of the result of a list request. */
  list(kind: ListKind, era: Era): Buffer;
  /** Equal for equal lists. `resources` covers the templates. */
  digest(kind: 'tools' | 'prompts' | 'resources'): string;
  tool(name: string): Resolved;
  prompt(name: string): Resolved<PromptEntry>;
  /** `undefined`: no server here has it. */
  resource(uri: string): ResourceTarget | undefined;
  /** Which server's template that is, and as which it is known there. */
  template(uriTemplate: string): ResourceTarget | undefined;
  /** The URI under which a client of this view knows a server's URI. */
  exposeUri(server: string, uri: string): string;
  /** Whether any URI has to be written otherwise than its server writes it. */
  readonly rewritesUris: boolean;
}

export interface ViewServer {
  readonly name: string;
  readonly prefix: string;
  /** Whether its names keep their prefix away even when several servers are in scope. */
  readonly bare: boolean;
  readonly tools: readonly ToolEntry[];
  readonly prompts: readonly PromptEntry[];
  readonly resources: readonly ResourceEntry[];
  readonly templates: readonly TemplateEntry[];
}

const UI_PATHS = [
  ['_meta', 'ui', 'resourceUri'],
  ['_meta', 'ui/resourceUri'],
] as const;

/**
 * Builds a view over `servers` in their order. Names carry the server's prefix when more than one server is in scope; a call may use
 * the prefixed name in any scope, and the bare name where only one server has it and it does not begin like a name of another. A URI stays as it is where it leads to its
 * server, and is namespaced where an earlier server has it.
 */
export function buildView(servers: readonly ViewServer[], separator: string): View {
  const several = servers.length > 1;
  const uris = uriTable(servers, several);
  const tools = nameTable(servers, separator, (server) => server.tools);
  const prompts = nameTable(servers, separator, (server) => server.prompts);
  const lists = listTexts(servers, several, tools, prompts, uris);
  const digests = new Map<string, string>();
  return {
    tools: tools.names,
    list: (kind, era) => lists[kind][era],
    digest(kind) {
      let digest = digests.get(kind);
      if (digest === undefined) {
        const hash = createHash('sha256').update(lists[kind].legacy);
        if (kind === 'resources') hash.update(lists.templates.legacy);
        digest = hash.digest('base64url');
        digests.set(kind, digest);
      }
      return digest;
    },
    tool: tools.resolve,
    prompt: prompts.resolve,
    resource: uris.route,
    template: uris.template,
    exposeUri: uris.expose,
    rewritesUris: several,
  };
}

interface NameTable<T> {
  readonly names: ReadonlyMap<string, T>;
  nameOf(item: T): string;
  resolve(name: string): Resolved<T>;
}

function nameTable<T extends Named>(
  servers: readonly ViewServer[],
  separator: string,
  itemsOf: (server: ViewServer) => readonly T[],
): NameTable<T> {
  const several = servers.length > 1;
  const prefixes = several ? servers.map((server) => server.prefix) : [];
  const names = new Map<string, T>();
  const nameOf = new Map<T, string>();
  const extra = new Map<string, T[]>();
  for (const server of servers) {
    for (const item of itemsOf(server)) {
      const prefix = several && !server.bare ? server.prefix : undefined;
      const offered = offeredName(item);
      const name = uniqueName(names, prefix, separator, item, prefixes);
      names.set(name, item);
      nameOf.set(item, name);
      for (const other of new Set([
        offered,
        exposedName(server.prefix, separator, offered),
        `${server.prefix}${separator}${offered}`,
      ])) {
        const owner = ownerOf(other, separator, prefixes);
        if (owner !== undefined && owner !== server.prefix) continue;
        if (other !== name) extra.set(other, [...(extra.get(other) ?? []), item]);
      }
    }
  }
  return {
    names,
    nameOf: (item) => nameOf.get(item)!,
    resolve(name) {
      const exact = names.get(name);
      if (exact !== undefined) return { kind: 'found', item: exact };
      const others = extra.get(name);
      if (others === undefined) return { kind: 'unknown' };
      if (others.length === 1) return { kind: 'found', item: others[0]! };
      return { kind: 'ambiguous', candidates: others.map((item) => nameOf.get(item)!) };
    },
  };
}

/** A tool or a prompt, as far as its name goes. */
interface Named {
  readonly server: string;
  readonly originalName: string;
  readonly offeredName?: string;
}

/** What it is offered under, without prefix: its own name, unless the operator gave it another one. */
function offeredName(item: Named): string {
  return item.offeredName ?? item.originalName;
}

function uniqueName(
  taken: ReadonlyMap<string, unknown>,
  prefix: string | undefined,
  separator: string,
  item: Named,
  prefixes: readonly string[],
): string {
  const name = exposedName(prefix, separator, offeredName(item), prefixes);
  if (!taken.has(name)) return name;
  const whole = `${item.server}\u0000${item.originalName}`;
  let attempt = hashedName(name, whole);
  for (let n = 2; taken.has(attempt); n++) attempt = hashedName(name, `${whole}\u0000${n}`);
  return attempt;
}

interface UriTable {
  route(uri: string): ResourceTarget | undefined;
  template(uriTemplate: string): ResourceTarget | undefined;
  expose(server: string, uri: string): string;
}

function uriTable(servers: readonly ViewServer[], several: boolean): UriTable {
  const only = servers[0];
  const listed = new Map<string, string>();
  const templated = new Map<string, string>();
  const byPrefix = new Map<string, string>();
  const prefixOf = new Map<string, string>();
  for (const server of servers) {
    byPrefix.set(server.prefix, server.name);
    prefixOf.set(server.name, server.prefix);
    for (const { uri } of server.resources) if (!listed.has(uri)) listed.set(uri, server.name);
    for (const { uriTemplate } of server.templates)
      if (!templated.has(uriTemplate)) templated.set(uriTemplate, server.name);
  }
  const namespaced = (uri: string): ResourceTarget | undefined => {
    const split = splitUri(uri, byPrefix.keys());
    return split === undefined ? undefined : { server: byPrefix.get(split.prefix)!, uri: split.uri };
  };
  const bareOwner = (uri: string): string | undefined =>
    listed.get(uri) ??
    servers.find((server) => server.templates.some((template) => template.matches(uri)))?.name;
  const write = (owner: string | undefined, server: string, uri: string): string =>
    !several || owner === server ? uri : namespacedUri(prefixOf.get(server) ?? server, uri);
  return {
    route(uri) {
      const owner = bareOwner(uri);
      if (owner !== undefined) return { server: owner, uri };
      if (!several) return only === undefined ? undefined : { server: only.name, uri };
      return namespaced(uri);
    },
    template(uriTemplate) {
      const owner = templated.get(uriTemplate) ?? (several ? undefined : only?.name);
      return owner === undefined ? namespaced(uriTemplate) : { server: owner, uri: uriTemplate };
    },
    expose: (server, uri) =>
      uri.includes('{') && templated.has(uri)
        ? write(templated.get(uri), server, uri)
        : write(bareOwner(uri), server, uri),
  };
}

type ListTexts = Readonly<Record<ListKind, Readonly<Record<Era, Buffer>>>>;

function listTexts(
  servers: readonly ViewServer[],
  several: boolean,
  tools: NameTable<ToolEntry>,
  prompts: NameTable<PromptEntry>,
  uris: UriTable,
): ListTexts {
  const named = (definition: JsonObject, original: string, name: string): Buffer =>
    name === original ? text(definition) : withValue(definition, 'name', Buffer.from(JSON.stringify(name)));
  const items = <T>(of: (server: ViewServer) => readonly T[], write: (item: T) => Buffer): Buffer[] =>
    servers.flatMap((server) => of(server).map(write));
  return {
    tools: result(
      'tools',
      items(
        (server) => server.tools,
        (tool) => {
          const bytes = named(tool.definition, tool.originalName, tools.nameOf(tool));
          return several && bytes.includes('resourceUri')
            ? rewriteStrings(bytes, UI_PATHS, (uri) => uris.expose(tool.server, uri))
            : bytes;
        },
      ),
    ),
    prompts: result(
      'prompts',
      items(
        (server) => server.prompts,
        (prompt) => named(prompt.definition, prompt.originalName, prompts.nameOf(prompt)),
      ),
    ),
    resources: result(
      'resources',
      items(
        (server) => server.resources,
        ({ server, uri, definition }) => withUri(definition, 'uri', uri, uris.expose(server, uri)),
      ),
    ),
    templates: result(
      'resourceTemplates',
      items(
        (server) => server.templates,
        ({ server, uriTemplate, definition }) =>
          withUri(definition, 'uriTemplate', uriTemplate, uris.expose(server, uriTemplate)),
      ),
    ),
  };
}

function withUri(definition: JsonObject, member: string, original: string, uri: string): Buffer {
  return uri === original
    ? text(definition)
    : withValue(definition, member, Buffer.from(JSON.stringify(uri)));
}

function result(member: string, items: readonly Buffer[]): Readonly<Record<Era, Buffer>> {
  const array = joinArray(items);
  return {
    legacy: Buffer.concat([Buffer.from(`{"${member}":`), array, Buffer.from('}')]),
    modern: Buffer.concat([
      Buffer.from(`{"resultType":"complete","${member}":`),
      array,
      Buffer.from(`,"ttlMs":${LIST_TTL_MS},"cacheScope":"private"}`),
    ]),
  };
}

function text(definition: JsonObject): Buffer {
  return definition.bytes.subarray(definition.start, definition.end);
}

function joinArray(items: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [Buffer.from('[')];
  for (const [at, item] of items.entries()) {
    if (at > 0) parts.push(Buffer.from(','));
    parts.push(item);
  }
  parts.push(Buffer.from(']'));
  return Buffer.concat(parts);
}
