import type { Command } from 'commander';
import { EXIT } from '../app/startup-error.ts';
import { type VerifyLedgerOptions, verifyLedgerOf } from '../app/verify-ledger.ts';
import { registerLedgerQueries } from './ledger-queries.ts';
import type { ProgramIo } from './program-io.ts';
import { verificationText } from './verification-text.ts';

const VERIFY_HELP = `
Reads the database directly, whether the gateway runs or not, and checks it against what the data folder holds: the key, how far each
writer has come, and the signed manifests of days. Gateways on one database that do not share ledger.key have a key each: name a copy of
their ledger folders with --ledger-folder.

Exit code: 0 nothing is wrong, 1 something is, 2 wrong options or a configuration with errors, 3 the database cannot be read,
5 nothing was found, but not everything could be checked: a key is not at hand.

Examples:
  lanport ledger verify --data /srv/lanport
  lanport ledger verify --config config.yaml --ledger-folder /mnt/second/ledger --json`;

/** Adds `lanport ledger …`. */
export function registerLedgerCommands(program: Command, io: ProgramIo): void {
  const ledger = program.command('ledger').description('The record of every call.');
  registerLedgerQueries(ledger, io);
  ledger
    .command('verify')
    .description('Check that nothing in the ledger was changed, removed, exchanged or put in.')
    .option('-c, --config <file>', 'configuration file of the gateway')
    .option('-d, --data <folder>', 'data folder of the gateway')
    .option('--env-file <file>', 'file with environment variables')
    .option(
      '--ledger-folder <folder>',
      'folder "ledger" of another gateway on the same database (repeatable)',
      collect,
      [],
    )
    .option('--key-file <file>', 'file with a further key (repeatable)', collect, [])
    .option('--json', 'print JSON')
    .addHelpText('after', VERIFY_HELP)
    .action(async (options: VerifyLedgerOptions & { readonly json?: boolean }) => {
      const result = await verifyLedgerOf(options, io);
      io.stdout.write(options.json === true ? `${JSON.stringify(result)}\n` : verificationText(result));
      if (result.findingsCount > 0) io.exit(EXIT.failed);
      else if (result.withoutKey.length > 0) io.exit(EXIT.incomplete);
    });
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];
