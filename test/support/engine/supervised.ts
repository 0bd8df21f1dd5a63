import { systemClock } from '../../../src/core/clock.ts';
import type { CallTarget } from '../../../src/mcp/calls/target.ts';
import { Catalog } from '../../../src/mcp/catalog/catalog.ts';
import { ToolReview } from '../../../src/mcp/catalog/tool-review.ts';
import { completeServer } from '../../../src/mcp/mcp-config.ts';
import type { CatalogStore, ServerConfig } from '../../../src/mcp/mcp-ports.ts';
import { Supervisor } from '../../../src/mcp/upstream/supervisor.ts';
import type { CallOptions } from '../../../src/mcp/upstream/connection.ts';
import type { LogFields } from '../../../src/telemetry/log.ts';
import { FakeUpstream } from './fake-upstream.ts';

/** A supervisor of a fake server, under fake timers or real ones. */
export interface Supervised {
  readonly upstream: FakeUpstream;
  readonly supervisor: Supervisor;
  readonly catalog: Catalog;
  readonly logged: (LogFields & { readonly message: string })[];
}

const LIMITS = { startTimeoutMs: 60_000, callTimeoutMs: 60_000, concurrency: 100 };

/** `random`: what the jitter is made of. */
export function supervise(
  config: Partial<ServerConfig> = {},
  {
    random = () => 0.5,
    upstream = new FakeUpstream(),
  }: { readonly random?: () => number; readonly upstream?: FakeUpstream } = {},
): Supervised {
  const logged: (LogFields & { readonly message: string })[] = [];
  const write = (message: string, fields: LogFields = {}): void => void logged.push({ ...fields, message });
  const log = { debug: write, info: write, warn: write, error: write };
  const clock = systemClock;
  const toolHistory = { load: async () => [], save: async () => undefined, remove: async () => undefined };
  const store: CatalogStore = {
    loadAll: async () => [],
    save: async () => undefined,
    remove: async () => undefined,
  };
  const review = new ToolReview({ store: toolHistory, log, clock });
  const catalog = new Catalog({ store, log, clock, review });
  const server = completeServer({ name: 's', transport: 'stdio', command: 'fake', ...config }, LIMITS);
  const supervisor = new Supervisor(server, {
    catalog,
    transports: upstream.factory,
    identity: { name: 'lanport', version: '0' },
    log,
    clock,
    random,
    onResourceUpdated: () => undefined,
    onTask: () => undefined,
  });
  return { upstream, supervisor, catalog, logged };
}

/** What a call goes to. */
export function target(more: Partial<CallTarget> = {}): CallTarget {
  return {
    server: 's',
    method: 'tools/call',
    originalName: 'x',
    isNamed: true,
    replace: new Map([['name', Buffer.from('"x"')]]),
    repeatable: false,
    tool: undefined,
    ...more,
  };
}

export const OPTIONS: CallOptions = { idleMs: 60_000, totalMs: 300_000, headers: [] };
