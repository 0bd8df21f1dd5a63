import type { Readable, Writable } from 'node:stream';
import { BOUNDS } from '../core/bounds.ts';
import { HttpClient } from '../net/http-client.ts';
import { relayStdio } from '../relay/relay.ts';
import { type FoundKey, keyInFile, keyInVariable } from './key-source.ts';
import { headersOf, targetOf } from './outbound-options.ts';
import { EXIT } from './startup-error.ts';

const STANDARD_URL = 'http://127.0.0.1:4000/mcp';
const KEY_VARIABLE = 'LANPORT_KEY';

/** Bounds of a relay between one client and one gateway. */
export const RELAY_BOUNDS = {
  lineBytesMax: BOUNDS.stdioLineBytesMax,
  messageBytesMax: BOUNDS.upstreamResponseBytesMax,
  requestsMax: 256,
  bytesMax: 64 * 1024 * 1024,
  drainMs: BOUNDS.callTotalMs,
} as const;

/** How `lanport stdio` was asked to run. */
export interface StdioSettings {
  readonly url: string | undefined;
  readonly keyFile: string | undefined;
  /** `Name: value` each. */
  readonly headers: readonly string[];
  /** How long a message waits for a gateway that is away, in seconds. */
  readonly waitSeconds: number;
}

export interface StdioIo {
  /** The two carry MCP messages, and nothing else. */
  readonly input: Readable & { readonly isTTY?: boolean };
  readonly output: Writable;
  readonly stderr: { write(text: string): boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Resolves with the name of the signal that asks for the end. */
  readonly stopRequested: Promise<string>;
}

/** Connects a client on stdio with a gateway until the input ends or it is asked to stop. Resolves with the exit code; rejects with StartupError. */
export async function stdio(settings: StdioSettings, io: StdioIo): Promise<number> {
  const target = targetOf(settings.url ?? io.env['LANPORT_URL'] ?? STANDARD_URL);
  const given = headersOf(settings.headers);
  const found = keyOf(settings, io, given);
  const headers = found === undefined ? given : [...given, ['Authorization', `Bearer ${found.key}`] as const];
  const say = (text: string): void => void io.stderr.write(`lanport stdio: ${text}\n`);
  if (io.input.isTTY === true)
    say(
      'reading JSON-RPC messages from the terminal, one a line. This command is meant to be started by an MCP client.',
    );
  const stop = new AbortController();
  void io.stopRequested.then(() => stop.abort());
  await using http = new HttpClient();
  const end = await relayStdio({
    input: io.input,
    output: io.output,
    http,
    target,
    headers,
    keySource: found?.source ?? (given.length > 0 ? '--header' : undefined),
    bounds: { ...RELAY_BOUNDS, waitMs: settings.waitSeconds * 1_000 },
    signal: stop.signal,
    say,
  });
  // What still waits on it would keep the process.
  io.input.destroy();
  return end === 'line-too-long' ? EXIT.failed : EXIT.ok;
}

/** A key that was given as a header is not looked for elsewhere. */
function keyOf(
  settings: StdioSettings,
  io: StdioIo,
  given: readonly (readonly [name: string, value: string])[],
): FoundKey | undefined {
  if (settings.keyFile !== undefined) return keyInFile(settings.keyFile);
  if (given.some(([name]) => name.toLowerCase() === 'authorization')) return undefined;
  return keyInVariable(io.env, KEY_VARIABLE);
}
