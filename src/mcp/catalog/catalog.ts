import { createHash } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { JsonSyntaxError, scanArray, scanObject } from '../../core/json-scan.ts';
import type { Log } from '../../telemetry/log.ts';
import type { CatalogRecord, CatalogStore, ServerConfig } from '../mcp-ports.ts';
import type { TransportKind } from '../upstream/transport.ts';
import { objectText } from '../wire/compose.ts';
import type { Era } from '../wire/revisions.ts';
import { readTool, type ToolEntry } from './tool-entry.ts';

/** Where and how a server was last reached. */
export interface Found {
  readonly transport: TransportKind;
  readonly url: string | undefined;
  readonly era: Era;
  readonly revision: string;
}

/** What is known of one server's offer, whether or not it is up. */
export interface ServerCatalog {
  readonly server: string;
  readonly found: Found;
  /** JSON text. */
  readonly serverInfo: Buffer | undefined;
  readonly instructions: string | undefined;
  readonly tools: readonly ToolEntry[];
  /** Milliseconds since the Unix epoch. */
  readonly updatedAt: number;
}

const FORMAT = 1;

/** Every server's last known offer, in memory and in the store. `version` grows with each real change. */
export class Catalog {
  readonly #store: CatalogStore;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #servers = new Map<string, { readonly catalog: ServerCatalog; readonly payload: string }>();
  readonly #listeners = new Set<(server: string) => void>();
  #saving: Promise<void> = Promise.resolve();
  version = 0;

  constructor(deps: { store: CatalogStore; log: Log; clock: Clock }) {
    this.#store = deps.store;
    this.#log = deps.log;
    this.#clock = deps.clock;
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
      else this.#servers.set(record.server, { catalog, payload: record.payload });
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
  replace(
    config: ServerConfig,
    offer: {
      found: Found;
      serverInfo: Buffer | undefined;
      instructions: string | undefined;
      tools: readonly Buffer[];
    },
  ): readonly string[] {
    const tools: ToolEntry[] = [];
    const refused: string[] = [];
    const seen = new Set<string>();
    for (const bytes of offer.tools) {
      const read = readTool(config.name, Buffer.from(bytes));
      if (!read.ok) refused.push(read.reason);
      else if (seen.has(read.tool.originalName))
        refused.push(`tool "${read.tool.originalName}" is listed twice; the first counts`);
      else {
        seen.add(read.tool.originalName);
        tools.push(read.tool);
      }
    }
    const updatedAt = this.#clock.now();
    const payload = writePayload(offer.found, offer.serverInfo, offer.instructions, tools);
    const before = this.#servers.get(config.name);
    this.#servers.set(config.name, {
      catalog: {
        server: config.name,
        found: offer.found,
        serverInfo: offer.serverInfo,
        instructions: offer.instructions,
        tools,
        updatedAt,
      },
      payload,
    });
    if (before?.payload === payload) return refused;
    this.version++;
    this.#save({ server: config.name, fingerprint: fingerprint(config), payload, updatedAt });
    for (const listener of this.#listeners) listener(config.name);
    return refused;
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

function writePayload(
  found: Found,
  serverInfo: Buffer | undefined,
  instructions: string | undefined,
  tools: readonly ToolEntry[],
): string {
  const definitions = tools.map((tool) =>
    tool.definition.bytes.toString('utf8', tool.definition.start, tool.definition.end),
  );
  return objectText([
    ['format', Buffer.from(String(FORMAT))],
    ['found', Buffer.from(JSON.stringify(found))],
    ['serverInfo', serverInfo],
    ['instructions', instructions === undefined ? undefined : Buffer.from(JSON.stringify(instructions))],
    ['tools', Buffer.from(`[${definitions.join(',')}]`)],
  ]).toString('utf8');
}

function parseRecord(record: CatalogRecord): ServerCatalog | undefined {
  try {
    const object = scanObject(Buffer.from(record.payload), 1);
    if (object.value('format') !== FORMAT) return undefined;
    const tools: ToolEntry[] = [];
    for (const bytes of scanArray(object.slice('tools') ?? Buffer.from('[]'))) {
      const read = readTool(record.server, bytes);
      if (read.ok) tools.push(read.tool);
    }
    return {
      server: record.server,
      found: object.value('found') as Found,
      serverInfo: object.slice('serverInfo'),
      instructions: object.string('instructions'),
      tools,
      updatedAt: record.updatedAt,
    };
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}
