import { type Command, InvalidArgumentError, Option } from 'commander';
import { bridge } from '../app/bridge.ts';
import type { ProgramIo } from './program-io.ts';
import type { MessageStreams } from './stdio.ts';

/** What commander hands over; what was not given is absent. */
interface BridgeOptions {
  readonly url?: string;
  readonly name?: string;
  readonly header: readonly string[];
  readonly transport: 'http' | 'sse' | 'stdio';
  readonly port: number;
  readonly host: string;
  readonly key?: string;
  readonly keyFile?: string;
  readonly allowAnyone?: true;
  readonly allowedHost: readonly string[];
}

const PORT = 8_686;
const HOST = '127.0.0.1';

const HELP = `
Environment:
  LANPORT_BRIDGE_KEY  the key that clients must send, when no --key or --key-file is given
  LANPORT_KEY         a key that is sent to --url as Authorization: Bearer

Over HTTP all of /mcp (streamable HTTP, every revision), /sse (HTTP+SSE) and /health are served; /health answers 200 while the
server is up, else 503. The server's tools keep their names. A command gets the environment of the bridge, but for these keys.

Exit code: 0 ended as asked, 1 a line was too long, 2 wrong options, 3 could not listen or no such program.

Examples:
  lanport bridge --port 8686 -- postgres-mcp --access-mode=restricted
  lanport bridge --host 0.0.0.0 --key-file /run/secrets/key -- npx -y @modelcontextprotocol/server-everything
  lanport bridge --url http://files.lan:8000/sse --transport stdio
  lanport bridge --url http://files.lan:8000/mcp --port 8686`;

/** Adds `lanport bridge`, which serves one server over another transport. */
export function registerBridgeCommand(
  program: Command,
  io: ProgramIo,
  streams: MessageStreams = { input: process.stdin, output: process.stdout },
): void {
  program
    .command('bridge')
    .argument('[command...]', 'command of a stdio server and its arguments, after --')
    .description('Serve one MCP server over another transport: stdio, streamable HTTP, HTTP+SSE.')
    .option('--url <address>', 'address of a server that is reached over HTTP')
    .option('--header <line>', 'a header for --url, "Name: value" (repeatable)', list, [])
    .option('--name <name>', 'what clients and messages call the server (the name of its program)', nameOf)
    .addOption(
      new Option('-t, --transport <kind>', 'what is served: http and sse are both, on one port; or stdio')
        .choices(['http', 'sse', 'stdio'])
        .default('http'),
    )
    .option('-p, --port <number>', 'TCP port', portOf, PORT)
    .option('--host <address>', 'address to listen on', HOST)
    .option(
      '--key <key>',
      'key that clients must send; other users of this machine can read it, a file is better',
    )
    .option('--key-file <file>', 'file that holds that key')
    .option('--allow-anyone', 'serve other machines without a key')
    .option(
      '--allowed-host <name>',
      'a further name that clients may use for this bridge (repeatable)',
      list,
      [],
    )
    .addHelpText('after', HELP)
    .action(async (command: readonly string[], options: BridgeOptions) => {
      const { url, name, header, transport, port, host, key, keyFile, allowAnyone, allowedHost } = options;
      io.exit(
        await bridge(
          {
            command,
            url,
            name,
            headers: header,
            transport: transport === 'stdio' ? 'stdio' : 'http',
            port,
            host,
            key,
            keyFile,
            anyone: allowAnyone === true,
            allowedHosts: allowedHost,
          },
          { ...streams, stderr: io.stderr, env: io.env, stopRequested: io.stopRequested() },
        ),
      );
    });
}

const list = (value: string, before: readonly string[]): readonly string[] => [...before, value];

function nameOf(text: string): string {
  if (!/^[A-Za-z0-9_-]{1,40}$/.test(text))
    throw new InvalidArgumentError('A name is 1 to 40 of the characters A-Z a-z 0-9 _ -.');
  return text;
}

function portOf(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
    throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return Number(text);
}
