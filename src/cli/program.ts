import { Command } from 'commander';
import { VERSION } from '../app/version.ts';
import { registerBackupCommands } from './backup.ts';
import { registerBridgeCommand } from './bridge.ts';
import { registerConfigCommands } from './config.ts';
import { registerDoctorCommand } from './doctor.ts';
import { registerKeysCommands } from './keys.ts';
import { registerLedgerCommands } from './ledger.ts';
import { registerPostgresCommand } from './postgres.ts';
import type { ProgramIo } from './program-io.ts';
import { registerReloadCommand } from './reload.ts';
import { registerServeCommand } from './serve.ts';
import { registerServersCommands } from './servers.ts';
import { registerStdioCommand } from './stdio.ts';
import { registerToolsCommands } from './tools.ts';

/** The whole command line. */
export function buildProgram(io: ProgramIo): Command {
  const program = new Command('lanport')
    .description('One port on your LAN for every MCP tool and every model.')
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
    })
    .showHelpAfterError('(add --help for the options)')
    .exitOverride();
  registerServeCommand(program, io);
  registerReloadCommand(registerConfigCommands(program, io), io);
  registerServersCommands(program, io);
  registerDoctorCommand(program, io);
  registerToolsCommands(program, io);
  registerKeysCommands(program, io);
  registerLedgerCommands(program, io);
  registerBackupCommands(program, io);
  registerStdioCommand(program, io);
  registerBridgeCommand(program, io);
  registerPostgresCommand(program, io);
  program
    .command('version')
    .description('Print the version.')
    .option('--json', 'print JSON')
    .action((options: { readonly json?: boolean }) => {
      io.stdout.write(
        options.json === true
          ? `${JSON.stringify({ version: VERSION, node: process.version })}\n`
          : `${VERSION}\n`,
      );
    });
  return program;
}
