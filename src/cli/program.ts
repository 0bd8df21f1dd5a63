import { Command } from 'commander';
import { VERSION } from '../app/version.ts';
import { registerConfigCommands } from './config.ts';
import { registerLedgerCommands } from './ledger.ts';
import { registerServeCommand } from './serve.ts';
import { registerServersCommands } from './servers.ts';
import { registerToolsCommands } from './tools.ts';

/** What the command line reads from and writes to; tests hand in their own. */
export interface ProgramIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => number;
  /** Sets the exit code. */
  readonly exit: (code: number) => void;
  /** Resolves when the process is asked to stop. */
  readonly stopRequested: () => Promise<string>;
}

/** The whole command line. */
export function buildProgram(io: ProgramIo): Command {
  const program = new Command('lanport')
    .description('One port on your LAN for every MCP tool and every model.')
    .configureOutput({ writeOut: (text) => void io.stdout.write(text), writeErr: (text) => void io.stderr.write(text) })
    .showHelpAfterError('(add --help for the options)')
    .exitOverride();
  registerServeCommand(program, io);
  registerConfigCommands(program, io);
  registerServersCommands(program, io);
  registerToolsCommands(program, io);
  registerLedgerCommands(program, io);
  program
    .command('version')
    .description('Print the version.')
    .option('--json', 'print JSON')
    .action((options: { readonly json?: boolean }) => {
      io.stdout.write(options.json === true ? `${JSON.stringify({ version: VERSION, node: process.version })}\n` : `${VERSION}\n`);
    });
  return program;
}
