import { type Command, InvalidArgumentError } from 'commander';
import { type ServeOptions, serve } from '../app/serve.ts';
import type { ProgramIo } from './program-io.ts';

/** Adds `lanport serve`. */
export function registerServeCommand(program: Command, io: ProgramIo): void {
  program
    .command('serve')
    .description('Start the gateway and serve until it is told to stop.')
    .option('-c, --config <file>', 'configuration file; without it the demo database is served')
    .option('-p, --port <number>', 'TCP port (4000)', portOf)
    .option('--host <address>', 'address to listen on (127.0.0.1)')
    .option('-d, --data <folder>', 'folder for all state (.lanport beside the configuration file)')
    .option('--env-file <file>', 'file of NAME=value lines with further variables')
    .option('--no-watch', 'reload the configuration when asked to only, not when its files change')
    .addHelpText(
      'after',
      '\nExit code: 0 stopped as asked, 2 the configuration has errors, 3 could not start.\n\nExamples:\n  lanport serve\n  lanport serve --config config.yaml --host 0.0.0.0',
    )
    .action(async (options: ServeOptions) => {
      io.exit(
        await serve(options, {
          stdout: io.stdout,
          stderr: io.stderr,
          env: io.env,
          stopRequested: io.stopRequested(),
          onReloadRequested: io.onReloadRequested,
          onCrash: io.onCrash,
        }),
      );
    });
}

function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return port;
}
