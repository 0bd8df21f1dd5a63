import type { Principal } from '../auth/authenticate.ts';
import type { Clock } from '../core/clock.ts';
import type { Tracer } from '../core/trace.ts';
import type { Mcp } from '../mcp/mcp.ts';
import type { McpPolicy } from '../policy/visibility.ts';
import type { Log } from '../telemetry/log.ts';
import type { Exchange } from './exchange.ts';
import type { Journal } from './journal.ts';
import type { LimitMcpDeps } from './limit-mcp.ts';

/** What the way of an MCP request needs. */
export interface HandleMcpDeps extends LimitMcpDeps {
  readonly mcp: Mcp;
  readonly policy: McpPolicy;
  readonly journal: Journal;
  readonly log: Log;
  /** Hears the code of each error with which a message was refused before it became a call, whatever the status of its answer. */
  readonly onRefused: (code: string) => void;
  readonly tracer: Tracer;
  readonly clock: Clock;
  readonly authenticate: (exchange: Exchange) => Principal;
  /** The client's address, as far as proxies in between are trusted. */
  readonly addressOf: (exchange: Exchange) => string;
  /** A new UUID version 7: the id of a ledger row. */
  readonly newId: () => string;
  readonly version: string;
  /** The same by the configuration that is in force now, for what outlives a request. */
  readonly current: () => HandleMcpDeps;
  /** Calls `listener` when the gateway is about to stop; returns the way to forget it. */
  readonly onStop: (listener: () => void) => () => void;
}
