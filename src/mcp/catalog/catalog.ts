import { createHash } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { type JsonObject, JsonSyntaxError, scanArray, scanObject } from '../../core/json-scan.ts';
import type { Log } from '../../telemetry/log.ts';
import type { CatalogRecord, CatalogStore, ServerConfig } from '../mcp-ports.ts';
import type { Offer } from '../upstream/read-offer.ts';
import type { TransportKind } from '../upstream/transport.ts';
import { objectText } from '../wire/compose.ts';
import type { Era } from '../wire/revisions.ts';
import {
  type PromptEntry,
  type ReadItem,
  readPrompt,
  readResource,
  readTemplate,
  type ResourceEntry,
  type TemplateEntry,
} from './items.ts';
import { readTool, type ToolEntry } from './tool-entry.ts';
import type { ToolReview } from './tool-review.ts';

/** Where and how a server was last reached. */
export interface Found {
  readonly transport: TransportKind;
  readonly url: string | undefined;
  readonly era: Era;
  readonly revision: string;
  /** Milliseconds since the Unix epoch when the era was found out, where that takes an experiment. */
  readonly at?: number | undefined;
}

/** What is known of one server's offer, whether or not it is up. */
export interface ServerCatalog {
  readonly server: string;
  readonly found: Found;
  /** JSON text. */
  readonly serverInfo: Buffer | undefined;
  readonly instructions: string | undefined;
  /** JSON text of the capabilities that the server declared. */
  readonly capabilities: Buffer | undefined;
  readonly tools: readonly ToolEntry[];
  readonly prompts: readonly PromptEntry[];
  readonly resources: readonly ResourceEntry[];
  readonly templates: readonly TemplateEntry[];
  /** It asked questions that could not be attributed: it gets a connection for each session. */
  readonly isolated: boolean;
  /** Milliseconds since the Unix epoch. */
  readonly updatedAt: number;
}

const FORMAT = 2;
/** Formats that can still be read. */
const FORMATS: ReadonlySet<unknown> = new Set([1, 2]);

/** What was read of a server. */
export interface ReadServer {
  readonly found: Found;
  readonly serverInfo: Buffer | undefined;
  readonly capabilities: Buffer | undefined;
  readonly instructions: string | undefined;
  readonly isolated: boolean;
  readonly offer: Offer;
}

/** Every server's last known offer, in memory and in the store. `version` grows with each real change. */
export class Catalog {
  readonly #store: CatalogStore;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #review: ToolReview;
  readonly #servers = new Map<string, { readonly catalog: ServerCatalog; readonly payload: string }>();
  readonly #listeners = new Set<(server: string) => void>();
  #saving: Promise<void> = Promise.resolve();
  version = 0;

  constructor(deps: { store: CatalogStore; log: Log; clock: Clock; review: ToolReview }) {
    this.#store = deps.store;
    this.#log = deps.log;
    this.#clock = deps.clock;
    this.#review = deps.review;
  }

  /** Reads what the store kept of these servers; records of a server that was declared otherwise are left aside. */
  async load(servers: readonly ServerConfig[]): Promise<void> {
    const byName = new Map(servers.map((server) => [server.name, server]));
    for (const record of await this.#store.loadAll()) {
      const config = byName.get(record.server);
      if (config === undefined || fingerprint(config) !== record.fingerprint) continue;
      const catalog = parseRecord(record);
      if (catalog === undefined)
        this.#log.warn('a stored catalogue entry cannot be read and is left aside', {
          server: record.server,
        });
      else {
        this.#servers.set(record.server, { catalog, payload: record.payload });
        // Its history may not have been stored together with it.
        this.#review.observe(config, catalog.tools, catalog.updatedAt);
      }
    }
    this.version++;
  }

  get(server: string): ServerCatalog | undefined {
    return this.#servers.get(server)?.catalog;
  }

  /** Drops a server's offer from memory: it is not configured any more, or stands for another server. The store keeps its record. */
  forget(server: string): void {
    if (this.#servers.delete(server)) this.version++;
  }

  /** Calls `listener` after each real change with the server's name; returns the way to stop. */
  onChange(listener: (server: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Takes a server's offer as it was just read. Returns the reasons why single tools were refused. The store is written behind, in
   * order; a failure there is logged and costs only the memory of it.
   */
  replace(config: ServerConfig, read: ReadServer): readonly string[] {
    const { catalog, refused } = interpret(config.name, read, this.#clock.now());
    const payload = writePayload(catalog);
    const before = this.#servers.get(config.name);
    this.#review.observe(config, catalog.tools, catalog.updatedAt);
    this.#servers.set(config.name, { catalog, payload });
    if (before?.payload === payload) return refused;
    this.version++;
    this.#save({
      server: config.name,
      fingerprint: fingerprint(config),
      payload,
      updatedAt: catalog.updatedAt,
    });
    for (const listener of this.#listeners) listener(config.name);
    return refused;
  }

  /** Remembers that a server cannot be shared. */
  isolate(config: ServerConfig): void {
    const before = this.#servers.get(config.name)?.catalog;
    if (before === undefined || before.isolated) return;
    const catalog = { ...before, isolated: true };
    const payload = writePayload(catalog);
    this.#servers.set(config.name, { catalog, payload });
    this.#save({
      server: config.name,
      fingerprint: fingerprint(config),
      payload,
      updatedAt: catalog.updatedAt,
    });
  }

  /** Says that what is offered of a server changed without a new reading of it. */
  touch(server: string): void {
    this.version++;
    for (const listener of this.#listeners) listener(server);
  }

  /** Resolves when everything handed to the store so far has been written or has failed. */
  settled(): Promise<void> {
    return this.#saving;
  }

  #save(record: CatalogRecord): void {
    this.#saving = this.#saving
      .then(() => this.#store.save(record))
      .catch((error: unknown) =>
        this.#log.warn('a catalogue entry could not be stored', { server: record.server, error }),
      );
  }
}

/** What decides whether a stored record is of the same server as a declaration. */
export function fingerprint(config: ServerConfig): string {
  const identity = [config.transport, config.url ?? null, config.command ?? null, config.args];
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex');
}

function interpret(
  server: string,
  read: ReadServer,
  updatedAt: number,
): { readonly catalog: ServerCatalog; readonly refused: readonly string[] } {
  const refused: string[] = [];
  const { offer, ...rest } = read;
  const catalog = {
    ...rest,
    server,
    updatedAt,
    tools: distinct('tool', offer.tools, refused, (bytes) => {
      const one = readTool(server, bytes);
      return one.ok ? { ok: true, key: one.tool.originalName, item: one.tool } : one;
    }),
    prompts: distinct('prompt', offer.prompts, refused, (bytes) => readPrompt(server, bytes)),
    resources: distinct('resource', offer.resources, refused, (bytes) => readResource(server, bytes)),
    templates: distinct('resource template', offer.templates, refused, (bytes) =>
      readTemplate(server, bytes),
    ),
  };
  return { catalog, refused };
}

/** The items that can be offered, each key once; the reasons for the others go to `refused`. */
function distinct<T>(
  what: string,
  list: readonly Buffer[],
  refused: string[],
  read: (bytes: Buffer) => ReadItem<T>,
): readonly T[] {
  const items = new Map<string, T>();
  for (const bytes of list) {
    const one = read(Buffer.from(bytes));
    if (!one.ok) refused.push(one.reason);
    else if (items.has(one.key)) refused.push(`${what} "${one.key}" is listed twice; the first counts`);
    else items.set(one.key, one.item);
  }
  return [...items.values()];
}

function writePayload(catalog: ServerCatalog): string {
  const { instructions } = catalog;
  return objectText([
    ['format', Buffer.from(String(FORMAT))],
    ['found', Buffer.from(JSON.stringify(catalog.found))],
    ['serverInfo', catalog.serverInfo],
    ['capabilities', catalog.capabilities],
    ['instructions', instructions === undefined ? undefined : Buffer.from(JSON.stringify(instructions))],
    ['isolated', catalog.isolated ? Buffer.from('true') : undefined],
    ['tools', arrayText(catalog.tools)],
    ['prompts', arrayText(catalog.prompts)],
    ['resources', arrayText(catalog.resources)],
    ['templates', arrayText(catalog.templates)],
  ]).toString('utf8');
}

function arrayText(items: readonly { readonly definition: JsonObject }[]): Buffer {
  const texts = items.map(({ definition }) =>
    definition.bytes.toString('utf8', definition.start, definition.end),
  );
  return Buffer.from(`[${texts.join(',')}]`);
}

function parseRecord(record: CatalogRecord): ServerCatalog | undefined {
  try {
    const object = scanObject(Buffer.from(record.payload), 1);
    if (!FORMATS.has(object.value('format'))) return undefined;
    const list = (name: string): Buffer[] => scanArray(object.slice(name) ?? Buffer.from('[]'));
    const read: ReadServer = {
      found: object.value('found') as Found,
      serverInfo: object.slice('serverInfo'),
      capabilities: object.slice('capabilities'),
      instructions: object.string('instructions'),
      isolated: object.value('isolated') === true,
      offer: {
        tools: list('tools'),
        prompts: list('prompts'),
        resources: list('resources'),
        templates: list('templates'),
        ttlMs: undefined,
      },
    };
    return interpret(record.server, read, record.updatedAt).catalog;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}
