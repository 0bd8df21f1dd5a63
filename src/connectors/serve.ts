import type { Readable, Writable } from 'node:stream';
import { BOUNDS } from '../core/bounds.ts';
import type { InProcessServer } from '../mcp/mcp-ports.ts';
import type { ConnectorLog } from './connector-log.ts';
import { type Health, serveHttp } from './serve/http.ts';
import { serveStdio } from './serve/stdio.ts';

/** Where and how to serve. Over HTTP all of `/mcp`, `/sse` with `/messages`, and `/health` are served. */
export type ServeTarget =
  | { readonly kind: 'stdio'; readonly input: Readable; readonly output: Writable }
  | {
      readonly kind: 'http';
      readonly host: string;
      /** 0 lets the system choose. */
      readonly port: number;
      readonly allowedHosts: readonly string[];
      /** Told the port once it listens. */
      onListening?(port: number): void;
    };

export interface ServeOptions {
  readonly target: ServeTarget;
  /** Ends the serving, for example on SIGTERM. */
  readonly signal: AbortSignal;
  health(): Promise<Health>;
  readonly log: ConnectorLog;
}

/**
 * Serves a connector until `signal` is given or, over stdio, the input ends. What is under way then is still answered, for at most
 * BOUNDS.shutdownDrainMs. The server itself stays open: who opened it closes it. Rejects when the port cannot be listened on.
 */
export async function serve(server: InProcessServer, options: ServeOptions): Promise<void> {
  const { target, signal, health, log } = options;
  const common = { log, drainMs: BOUNDS.shutdownDrainMs };
  if (target.kind === 'stdio') {
    await serveStdio(server, {
      ...common,
      ...target,
      signal,
      lineBytesMax: BOUNDS.stdioLineBytesMax,
      inFlightMax: BOUNDS.inFlightPerSessionMax,
    });
    return;
  }
  await using service = await serveHttp(server, {
    ...common,
    ...target,
    inFlightMax: BOUNDS.inFlightPerServerMax,
    health,
    bodyBytesMax: BOUNDS.messageBytesMax,
    keepAliveMs: BOUNDS.keepAliveMs,
  });
  target.onListening?.(service.port);
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
