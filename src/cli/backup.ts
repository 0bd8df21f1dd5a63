import { resolve } from 'node:path';
import type { Command } from 'commander';
import { inspectBackup, restoreBackup, type RestoreOptions, saveBackup } from '../app/backup.ts';
import { clientOf, type ClientOptions, withClientOptions } from './client-options.ts';
import type { ProgramIo } from './program-io.ts';

/** Adds `lanport backup` and `lanport restore`. */
export function registerBackupCommands(program: Command, io: ProgramIo): void {
  withClientOptions(
    program
      .command('backup')
      .description(
        'Save everything that a running gateway keeps into one file: keys, ledger, answers, catalogue, its own secrets.',
      )
      .option('-o, --output <file>', 'the file, which must not exist (lanport-<time>.tar.gz)'),
  )
    .addHelpText(
      'after',
      '\nThe file holds secrets: keep it as safe as the data folder.\n\nExamples:\n  lanport backup\n  lanport backup -o /backups/monday.tar.gz',
    )
    .action(async (options: ClientOptions & { readonly output?: string }) => {
      await using client = clientOf(options, io);
      const made = await saveBackup(client, resolve(options.output ?? nameAt(io.now())), io.stopRequested());
      io.stdout.write(
        options.json === true
          ? `${JSON.stringify(made)}\n`
          : `${made.file}: ${size(made.bytes)}, as of ${made.madeAt}, read back and whole.\n`,
      );
    });
  program
    .command('restore')
    .argument('<file>', 'a backup')
    .description('Put a backup into the data folder and the database of a gateway that does not run.')
    .option('-c, --config <file>', 'configuration file of the gateway')
    .option('-d, --data <folder>', 'data folder of the gateway')
    .option('--env-file <file>', 'file with environment variables')
    .option('--replace', 'put a data folder that holds something aside')
    .option('--check', 'only read the backup to its end')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  lanport restore monday.tar.gz --check\n  lanport restore monday.tar.gz --data /srv/lanport',
    )
    .action(
      async (
        file: string,
        options: RestoreOptions & { readonly check?: boolean; readonly json?: boolean },
      ) => {
        if (options.check === true) {
          const { manifest, bytes } = await inspectBackup(file);
          const { madeAt, madeBy } = manifest;
          io.stdout.write(
            options.json === true
              ? `${JSON.stringify({ madeAt, madeBy, bytes })}\n`
              : `${file} is whole: ${size(bytes)} as of ${madeAt}, made by version ${madeBy}.\n`,
          );
          return;
        }
        const restored = await restoreBackup(file, options, io);
        if (options.json === true) io.stdout.write(`${JSON.stringify(restored)}\n`);
        else
          io.stdout.write(
            `${restored.rows} rows as of ${restored.madeAt} are restored; the data folder is ${restored.dataFolder}.\n` +
              (restored.putAside === undefined
                ? ''
                : `What was there before lies in ${restored.putAside}; delete it when all is well.\n`) +
              `Start the gateway: lanport serve${given('--config', options.config)}${given('--data', options.data)}\n`,
          );
      },
    );
}

function given(option: string, value: string | undefined): string {
  return value === undefined ? '' : ` ${option} ${value}`;
}

/** A file name that sorts by time. */
function nameAt(now: number): string {
  return `lanport-${new Date(now).toISOString().slice(0, 19).replaceAll(':', '-')}.tar.gz`;
}

function size(bytes: number): string {
  return bytes < 1_048_576 ? `${Math.ceil(bytes / 1_024)} KB` : `${(bytes / 1_048_576).toFixed(1)} MB`;
}
