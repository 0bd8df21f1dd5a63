import { hash } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { GatewayError } from '../../core/errors.ts';
import { errorChain, type Log } from '../../telemetry/log.ts';
import type { ServerConfig, ToolHistoryRecord, ToolHistoryStore } from '../mcp-ports.ts';
import type { Finding } from '../upstream/finding.ts';
import { readHistory, writeHistory } from './history-record.ts';
import type { ToolEntry } from './tool-entry.ts';
import {
  digestTool,
  lastAccepted,
  pendingOf,
  reviewTools,
  type ServerHistory,
  type ToolChange,
  type ToolDigest,
  type ToolHistory,
  type ToolPolicy,
  type ToolReviewed,
  type ToolVersion,
  withAcceptance,
} from './tool-history.ts';

/** Changes that are logged and reported one by one; of more, the number is told. */
const SHOWN_MAX = 20;

export interface ToolReviewDeps {
  readonly store: ToolHistoryStore;
  readonly log: Log;
  readonly clock: Clock;
}

/** A tool whose current definition the operator has not accepted. */
export interface PendingTool {
  readonly server: string;
  readonly tool: string;
  /** Whether it is held back, or offered all the same. */
  readonly held: boolean;
  /** Against the version that was accepted last; `added` when none was. */
  readonly change: readonly ToolChange[];
  readonly version: ToolVersion;
  readonly accepted: ToolVersion | undefined;
}

export interface AcceptedTool {
  readonly server: string;
  readonly tool: string;
  readonly hash: string;
}

/** What every tool's definition was and is, and what of it the operator accepted; in memory and, written behind, in the store. */
export class ToolReview {
  readonly #deps: ToolReviewDeps;
  readonly #policies = new Map<string, ToolPolicy>();
  readonly #histories = new Map<string, ServerHistory>();
  /** Of the last reading, so that bytes that did not change are not digested again. */
  readonly #digests = new Map<
    string,
    ReadonlyMap<string, { readonly bytes: string; readonly digest: ToolDigest }>
  >();
  #saving: Promise<void> = Promise.resolve();

  constructor(deps: ToolReviewDeps) {
    this.#deps = deps;
  }

  /** Takes over what is configured, and reads what the store remembers of servers that were not loaded before. */
  async load(servers: readonly ServerConfig[]): Promise<void> {
    for (const config of servers) this.#policies.set(config.name, policyOf(config));
    await this.#read(servers.map(({ name }) => name).filter((name) => !this.#histories.has(name)));
  }

  /** Reads again what the store remembers of a server's tools: another process has accepted some of them. Never rejects. */
  async reload(server: string): Promise<void> {
    if (!this.#policies.has(server)) return;
    try {
      await this.#saving;
      await this.#read([server]);
    } catch (error) {
      this.#deps.log.warn('the history of tools cannot be read', { server, error });
    }
  }

  async #read(names: readonly string[]): Promise<void> {
    const loaded = new Map<string, Map<string, ToolHistory>>(names.map((name) => [name, new Map()]));
    for (const record of await this.#deps.store.load(names)) {
      const { history, ok } = readHistory(record);
      if (!ok)
        this.#deps.log.warn('the history of a tool cannot be read, so it counts as changed', {
          server: record.server,
          tool: history.tool,
        });
      loaded.get(record.server)?.set(history.tool, history);
    }
    for (const [name, histories] of loaded) this.#histories.set(name, histories);
  }

  /** Takes a server's tools as they were read at `seenAt` (milliseconds since the Unix epoch), and reports what changed. */
  observe(config: ServerConfig, tools: readonly ToolEntry[], seenAt: number = this.#deps.clock.now()): void {
    const policy = policyOf(config);
    this.#policies.set(config.name, policy);
    const before = this.history(config.name);
    const reviewed = reviewTools(before, this.#digestAll(config.name, tools), policy, seenAt);
    this.#histories.set(config.name, reviewed.history);
    this.#save(config.name, reviewed);
    this.#report(config.name, reviewed);
  }

  /** Whether a tool must not be offered: it changed and nobody accepted it yet. */
  holds(server: string, originalName: string): boolean {
    if (this.#policies.get(server) !== 'hold') return false;
    const history = this.#histories.get(server)?.get(originalName);
    return history === undefined || pendingOf(history) !== undefined;
  }

  /** The tools of one server, or of all, that wait for the operator; those of each server by their names. */
  pending(server?: string): readonly PendingTool[] {
    return [...this.#histories]
      .filter(([name]) => server === undefined || name === server)
      .flatMap(([name, histories]) =>
        [...histories.values()].sort(byName).flatMap((history) => {
          const found = pendingOf(history);
          if (found === undefined) return [];
          const held = this.#policies.get(name) === 'hold';
          return [{ server: name, tool: history.tool, held, ...found, accepted: lastAccepted(history) }];
        }),
      );
  }

  /** Everything that is remembered of a server's tools, in no order that means anything. */
  history(server: string): ServerHistory {
    return this.#histories.get(server) ?? new Map<string, ToolHistory>();
  }

  /** What of a server's tools the operator should look at. */
  findings(server: string): readonly Finding[] {
    const pending = this.pending(server);
    const findings = pending.slice(0, SHOWN_MAX).map((one): Finding => findingOf(one));
    if (pending.length > SHOWN_MAX)
      findings.push({
        code: 'tool-changed',
        text: `${pending.length - SHOWN_MAX} more tools of server "${server}" changed.`,
        fix: acceptCommand(server, undefined),
      });
    return findings;
  }

  /**
   * Accepts what a server offers now: one tool, or all that wait. With `hash` (at least its first digits) only that version. Resolves
   * when it is stored, with what was accepted. Rejects with GatewayError.
   */
  async accept(
    server: string,
    tool: string | undefined,
    by: string,
    expected?: string,
  ): Promise<readonly AcceptedTool[]> {
    const history = tool === undefined ? undefined : this.history(server).get(tool);
    if (tool !== undefined && history === undefined)
      throw new GatewayError('tool-untracked', { server, tool });
    if (tool !== undefined && expected !== undefined && history?.current?.startsWith(expected) !== true)
      throw new GatewayError('tool-changed-again', {
        server,
        tool,
        hash: history?.current?.slice(0, HASH_SHOWN) ?? '(removed)',
      });
    const pending = this.pending(server).filter((one) => tool === undefined || one.tool === tool);
    const accepted = { at: this.#deps.clock.now(), by };
    const records = this.#mark(server, pending, accepted);
    try {
      await this.#enqueue(() => this.#deps.store.save(records));
    } catch (error) {
      this.#mark(server, pending, undefined);
      throw new GatewayError('store-unavailable', { reason: errorChain(error) }, { cause: error });
    }
    const done = pending.map(({ tool: name, version }) => ({ server, tool: name, hash: version.hash }));
    if (done.length > 0)
      this.#deps.log.info('tools were accepted', {
        server,
        tools: done.slice(0, SHOWN_MAX).map((one) => one.tool),
        count: done.length,
        by,
      });
    return done;
  }

  /** Resolves when everything handed to the store so far has been written or has failed. */
  settled(): Promise<void> {
    return this.#saving;
  }

  /** Sets or takes back the acceptance of the very versions that were pending; what to store of them. */
  #mark(
    server: string,
    pending: readonly PendingTool[],
    accepted: ToolVersion['accepted'],
  ): readonly ToolHistoryRecord[] {
    const histories = new Map(this.history(server));
    for (const { tool, version } of pending) {
      const known = histories.get(tool);
      if (known !== undefined) histories.set(tool, withAcceptance(known, version.hash, accepted));
    }
    this.#histories.set(server, histories);
    return pending.flatMap(({ tool }) => {
      const history = histories.get(tool);
      return history === undefined ? [] : [writeHistory(server, history, this.#deps.clock.now())];
    });
  }

  #digestAll(server: string, tools: readonly ToolEntry[]): ReadonlyMap<string, ToolDigest> {
    const before = this.#digests.get(server);
    const digests = new Map(
      tools.map(({ originalName, definition }) => {
        const slice = definition.bytes.subarray(definition.start, definition.end);
        const bytes = hash('sha256', slice, 'base64');
        const known = before?.get(originalName);
        const digest = known?.bytes === bytes ? known.digest : digestTool(slice.toString('utf8'));
        return [originalName, { bytes, digest }];
      }),
    );
    this.#digests.set(server, digests);
    return new Map([...digests].map(([name, { digest }]) => [name, digest]));
  }

  #save(server: string, { changed, forgotten }: ToolReviewed): void {
    if (changed.length > 0) this.#saveLater(server, changed, this.#deps.clock.now());
    if (forgotten.length > 0) this.#behind(server, () => this.#deps.store.remove(server, forgotten));
  }

  #saveLater(server: string, histories: readonly ToolHistory[], now: number): void {
    const records = histories.map((history) => writeHistory(server, history, now));
    this.#behind(server, () => this.#deps.store.save(records));
  }

  #behind(server: string, write: () => Promise<void>): void {
    this.#enqueue(write).catch((error: unknown) =>
      this.#deps.log.warn('the history of tools could not be stored', { server, error }),
    );
  }

  /** Writes in order; one that fails does not stop those after it. */
  #enqueue(write: () => Promise<void>): Promise<void> {
    const written = this.#saving.then(write);
    this.#saving = written.catch(() => undefined);
    return written;
  }

  #report(server: string, { changes, history }: ToolReviewed): void {
    if (changes.length === 0) return;
    const waiting = new Set(this.pending(server).map(({ tool }) => tool));
    const count = { added: 0, removed: 0, changed: 0 };
    for (const { tool, change } of changes) {
      const kind = change[0] === 'added' || change[0] === 'removed' ? change[0] : 'changed';
      count[kind]++;
      if (!waiting.has(tool) || count.added + count.changed > SHOWN_MAX) continue;
      const held = this.holds(server, tool);
      this.#deps.log.warn(held ? 'a tool is held back' : 'a tool changed', {
        code: held ? 'tool-held' : 'tool-changed',
        server,
        tool,
        change,
        version: history.get(tool)?.current?.slice(0, HASH_SHOWN),
        fix: acceptCommand(server, tool),
      });
    }
    this.#deps.log.info('the tools of a server changed', { server, ...count });
  }
}

/** Digits of a hash that are shown to people. */
const HASH_SHOWN = 12;

/** What is built into this program changes with it, and only with it. */
function policyOf(config: ServerConfig): ToolPolicy {
  return config.transport === 'in-process' && config.onToolChange === 'notify'
    ? 'accept'
    : config.onToolChange;
}

function byName(one: ToolHistory, two: ToolHistory): number {
  return one.tool < two.tool ? -1 : 1;
}

function findingOf({ server, tool, held, change }: PendingTool): Finding {
  const what = change[0] === 'added' ? 'is new' : `changed its ${change.join(' and ')}`;
  return {
    code: held ? 'tool-held' : 'tool-changed',
    text: `Tool ${JSON.stringify(tool)} of server "${server}" ${what} and was not accepted yet; ${held ? 'it is held back' : 'it is offered as it is now'}.`,
    fix: acceptCommand(server, tool),
  };
}

/** The command that accepts a tool, safe to be pasted into a shell whatever the server calls its tool. */
export function acceptCommand(server: string, tool: string | undefined): string {
  if (tool === undefined || /\p{C}/u.test(tool)) return `lanport tools accept ${server} --all`;
  const target = `${server}/${tool}`;
  return `lanport tools accept ${/^[\w./:@-]+$/.test(target) ? target : `'${target.replaceAll("'", String.raw`'\''`)}'`}`;
}
