import type { Command } from 'commander';
import type { ConfigChange } from '../app/reload.ts';
import { clientOf, type ClientOptions, withClientOptions } from './client-options.ts';
import type { ProgramIo } from './program-io.ts';

type Reloaded = ConfigChange & { readonly warnings: readonly string[] };

/** Adds `lanport config reload`. */
export function registerReloadCommand(config: Command, io: ProgramIo): void {
  withClientOptions(
    config
      .command('reload')
      .description('Make a running gateway read its configuration again, and print what changed.'),
  )
    .addHelpText(
      'after',
      '\nExit code: 0 when the new configuration is in force, 1 when it has errors; then the one before goes on serving.\n\nExample:\n  lanport config reload',
    )
    .action(async (options: ClientOptions) => {
      await using client = clientOf(options, io);
      const reloaded = (await client.post('/config/reload')) as Reloaded;
      io.stdout.write(options.json === true ? `${JSON.stringify(reloaded, null, 2)}\n` : describe(reloaded));
    });
}

function describe({ servers, keys, settings, needsRestart, warnings }: Reloaded): string {
  const lines: (readonly [what: string, names: readonly string[]])[] = [
    ['Servers added', servers.added],
    ['Servers removed', servers.removed],
    ['Servers changed', servers.changed],
    ['Keys added', keys.added],
    ['Keys removed', keys.removed],
    ['Keys changed', keys.changed],
    ['Settings changed', settings],
    ['Needs a restart', needsRestart],
  ];
  const changes = lines
    .filter(([, names]) => names.length > 0)
    .map(([what, names]) => `${what.padEnd(17)} ${names.join(', ')}\n`);
  return [
    ...warnings.map((warning) => `${warning}\n`),
    ...(changes.length === 0 ? ['Nothing changed.\n'] : changes),
  ].join('');
}
