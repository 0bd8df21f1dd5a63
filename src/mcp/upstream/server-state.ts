import type { Finding } from './finding.ts';
import type { TransportKind } from './transport.ts';

export type StateName = 'starting' | 'ready' | 'degraded' | 'down' | 'parked' | 'stopped';

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
  readonly pid: number | undefined;
  readonly tools: number;
  /** Milliseconds since the Unix epoch when the tools were last read from the server. */
  readonly toolsReadAt: number | undefined;
  readonly inFlight: number;
  /** Starts since the gateway began, the first one included. */
  readonly starts: number;
  readonly failures: number;
  readonly findings: readonly Finding[];
  readonly stderr: string;
  readonly stderrLines: number;
}
