import type { ServerCatalog } from '../catalog/catalog.ts';
import type { ServerConfig } from '../mcp-ports.ts';
import type { Connection } from './connection.ts';
import type { Finding } from './finding.ts';
import type { TransportKind } from './transport.ts';

export type StateName = 'starting' | 'ready' | 'degraded' | 'down' | 'parked' | 'stopped';

/** A change of state. `at`: milliseconds since the Unix epoch. */
export interface StateChange {
  readonly at: number;
  readonly state: StateName;
  readonly reason: string | undefined;
}

/** What can be said of one server at this moment. Everything in it is fit for the operator's eyes; nothing in it is secret. */
export interface ServerStatus {
  readonly name: string;
  readonly alias: string | undefined;
  readonly state: StateName;
  /** Milliseconds since the Unix epoch when this state began. */
  readonly since: number;
  readonly reason: string | undefined;
  readonly declaredTransport: string;
  readonly transport: TransportKind | undefined;
  readonly url: string | undefined;
  readonly revision: string | undefined;
  /** How it is shared: `shared`, `session`, `key`, or `session (learned)`. */
  readonly isolation: string;
  /** Connections of single clients, besides the shared one. */
  readonly isolatedConnections: number;
  readonly pid: number | undefined;
  readonly tools: number;
  readonly prompts: number;
  readonly resources: number;
  readonly resourceTemplates: number;
  /** Milliseconds since the Unix epoch when the tools were last read from the server. */
  readonly toolsReadAt: number | undefined;
  readonly inFlight: number;
  /** Calls that wait for their turn. */
  readonly waiting: number;
  /** Starts since the gateway began, the first one included. */
  readonly starts: number;
  readonly failures: number;
  readonly findings: readonly Finding[];
  /** The latest changes of state, oldest first. */
  readonly history: readonly StateChange[];
  /** The end of what the server wrote to stderr; of the process before, when none runs. */
  readonly stderr: string;
  readonly stderrLines: number;
}

/** What a supervisor knows, before it is put into words. */
interface Facts {
  readonly config: ServerConfig;
  readonly known: ServerCatalog | undefined;
  readonly connection: Connection | undefined;
  readonly state: StateName;
  readonly since: number;
  readonly reason: string | undefined;
  readonly isIsolated: boolean;
  readonly isolatedConnections: number;
  readonly inFlight: number;
  readonly waiting: number;
  readonly starts: number;
  readonly failures: number;
  readonly findings: readonly Finding[];
  readonly history: readonly StateChange[];
  readonly lastWords: string;
}

export function describeServer({
  config,
  known,
  connection,
  isIsolated,
  lastWords,
  ...facts
}: Facts): ServerStatus {
  const transport = connection?.peer.transport;
  const found = connection?.found ?? known?.found;
  const stderr = transport?.stderrTail() ?? lastWords;
  const learned = isIsolated && config.isolation === 'shared';
  return {
    ...facts,
    name: config.name,
    alias: config.alias,
    declaredTransport: config.transport,
    transport: found?.transport,
    url: found?.url ?? config.url,
    revision: found?.revision,
    isolation: learned ? 'session (learned)' : config.isolation,
    pid: transport?.pid,
    tools: known?.tools.length ?? 0,
    prompts: known?.prompts.length ?? 0,
    resources: known?.resources.length ?? 0,
    resourceTemplates: known?.templates.length ?? 0,
    toolsReadAt: known?.updatedAt,
    stderr,
    stderrLines: stderr === '' ? 0 : stderr.split('\n').length,
  };
}
