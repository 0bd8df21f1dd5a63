import type { Readable, Writable } from 'node:stream';
import { type Command, InvalidArgumentError } from 'commander';
import { stdio } from '../app/stdio.ts';
import type { ProgramIo } from './program-io.ts';

/** What commander hands over; what was not given is absent. */
interface StdioOptions {
  readonly url?: string;
  readonly keyFile?: string;
  readonly header: readonly string[];
  readonly wait: number;
}

/** Where messages come from and go to. */
export interface MessageStreams {
  readonly input: Readable;
  readonly output: Writable;
}

const WAIT_SECONDS = 30;
const WAIT_SECONDS_MAX = 3_600;

const HELP = `
Environment:
  LANPORT_KEY  the key, when no --key-file is given
  LANPORT_URL  the address, when no --url is given

Standard output carries MCP messages and nothing else; words go to standard error. Any revision of the protocol passes.
While the gateway is away, messages wait for it; after --wait the client gets an error that says why.

Exit code: 0 the input ended or a signal came, 1 a line was too long, 2 wrong options.

Examples:
  LANPORT_KEY=sk-… lanport stdio --url http://gateway.lan:4000/mcp
  lanport stdio --url http://127.0.0.1:4000/mcp/db,files --key-file ~/.config/lanport/key
  claude mcp add lanport -- lanport stdio --url http://127.0.0.1:4000/mcp --key-file ~/.config/lanport/key`;

/** Adds `lanport stdio`, for clients that can only start a command. */
export function registerStdioCommand(
  program: Command,
  io: ProgramIo,
  streams: MessageStreams = { input: process.stdin, output: process.stdout },
): void {
  program
    .command('stdio')
    .description('Connect a client that can only start a command with a running gateway.')
    .option('--url <address>', 'address of the gateway (http://127.0.0.1:4000/mcp)')
    .option('--key-file <file>', 'file that holds the key')
    .option('--header <line>', 'a further header, "Name: value" (repeatable)', list, [])
    .option('--wait <seconds>', 'how long messages wait for a gateway that is away', secondsOf, WAIT_SECONDS)
    .addHelpText('after', HELP)
    .action(async ({ url, keyFile, header, wait }: StdioOptions) => {
      io.exit(
        await stdio(
          { url, keyFile, headers: header, waitSeconds: wait },
          { ...streams, stderr: io.stderr, env: io.env, stopRequested: io.stopRequested() },
        ),
      );
    });
}

const list = (value: string, before: readonly string[]): readonly string[] => [...before, value];

function secondsOf(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) > WAIT_SECONDS_MAX)
    throw new InvalidArgumentError(`The time to wait is a number of seconds from 0 to ${WAIT_SECONDS_MAX}.`);
  return Number(text);
}
