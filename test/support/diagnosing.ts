import { BOUNDS } from '../../src/core/bounds.ts';
import { Secret } from '../../src/core/secret.ts';
import { type AsWritten, type DiagnoseDeps, type Diagnosis, diagnoseServer } from '../../src/mcp/diagnose.ts';
import { completeServer } from '../../src/mcp/mcp-config.ts';
import type { ServerConfig } from '../../src/mcp/mcp-ports.ts';
import { HttpClient } from '../../src/net/http-client.ts';

export interface DiagnosingOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly inContainer?: boolean;
  /** Milliseconds for one attempt; generous, but for tests of what never comes. */
  readonly attemptMs?: number;
  readonly inProcess?: DiagnoseDeps['inProcess'];
  readonly written?: AsWritten;
  readonly signal?: AbortSignal;
}

/** Diagnoses a server as the command does, in this process. */
export async function diagnose(
  given: Partial<ServerConfig> & Pick<ServerConfig, 'transport'>,
  options: DiagnosingOptions = {},
): Promise<Diagnosis> {
  const attemptMs = options.attemptMs ?? 20_000;
  await using http = new HttpClient({ connectTimeoutMs: attemptMs * 0.8 });
  const secrets = (values: Readonly<Record<string, string>> = {}): Record<string, Secret> =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, new Secret(value)]));
  const config = completeServer(
    { name: 'one', headers: secrets(options.headers), env: secrets(options.env), ...given },
    { startTimeoutMs: attemptMs, callTimeoutMs: attemptMs, concurrency: 1 },
  );
  return await diagnoseServer(config, options.written ?? {}, {
    http,
    bounds: BOUNDS,
    inProcess: options.inProcess ?? new Map(),
    environment: options.environment ?? { PATH: process.env['PATH'], HOME: process.env['HOME'] },
    identity: { name: 'lanport', version: 'test' },
    inContainer: options.inContainer ?? false,
    attemptMs,
    signal: options.signal ?? new AbortController().signal,
  });
}
