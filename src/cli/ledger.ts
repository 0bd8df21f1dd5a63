import type { Command } from 'commander';
import { registerLedgerQueries } from './ledger-queries.ts';
import type { ProgramIo } from './program-io.ts';

/** Adds `lanport ledger …`. */
export function registerLedgerCommands(program: Command, io: ProgramIo): void {
  const ledger = program.command('ledger').description('The record of every call.');
  registerLedgerQueries(ledger, io);
}
