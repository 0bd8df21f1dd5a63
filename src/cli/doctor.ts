import { type Command, InvalidArgumentError } from 'commander';
import { type DoctorTarget, examine } from '../app/doctor.ts';
import { EXIT, StartupError } from '../app/startup-error.ts';
import { reportText } from './doctor-report.ts';
import type { ProgramIo } from './program-io.ts';

interface DoctorFlags {
  readonly config?: string;
  readonly envFile?: string;
  readonly timeout?: number;
  readonly header: readonly (readonly [string, string])[];
  readonly fix?: boolean;
  readonly json?: boolean;
}

/** Exit codes of `lanport doctor`. */
const DOCTOR_EXIT = { works: 0, change: 1, usage: EXIT.configuration, broken: 3 } as const;

const HELP = `
Without an argument every server of the configuration file is tried, with a name that one. Nothing is changed without --fix.

Exit code: 0 everything works as declared, 1 something works but has to be changed, or was changed by --fix, 2 wrong options
or a configuration with errors, 3 something does not work. Of several servers the worst one counts.

What each diagnosis means: docs/reference/diagnoses.md

Examples:
  lanport doctor --config config.yaml
  lanport doctor db --config config.yaml --fix
  lanport doctor http://db-host:8686/mcp --header "Authorization: Bearer $TOKEN"
  lanport doctor -- npx -y @modelcontextprotocol/server-filesystem /srv/share`;

/** Adds `lanport doctor`. */
export function registerDoctorCommand(program: Command, io: ProgramIo): void {
  program
    .command('doctor')
    .argument('[server-or-url]', 'name of a server in the configuration file, or an address')
    .argument('[command...]', 'after --: a program that speaks MCP on stdio, with its arguments')
    .description('Try servers over every transport and protocol, say why one does not work, and what does.')
    .option('-c, --config <file>', 'configuration file')
    .option('--env-file <file>', 'file of NAME=value lines with further variables')
    .option(
      '--timeout <seconds>',
      'time for one attempt (10; for programs their start_timeout, or 30)',
      secondsOf,
    )
    .option('--header <line>', 'header to send to an address, as "Name: value" (repeatable)', headerOf, [])
    .option('--fix', 'write what works into the configuration file')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(
      async (_target: string | undefined, _command: readonly string[], flags: DoctorFlags, self: Command) => {
        const stop = new AbortController();
        void io.stopRequested().then(() => stop.abort());
        const examined = await examine(
          {
            target: targetOf(self.args, wordsAfterDashes(self), flags),
            config: flags.config,
            envFile: flags.envFile,
            timeoutMs: flags.timeout,
            fix: flags.fix === true,
          },
          { stderr: io.stderr, env: io.env, signal: stop.signal },
        ).catch((error: unknown) => {
          if (stop.signal.aborted) throw new StartupError('stopped', EXIT.failed, error);
          throw error;
        });
        io.stdout.write(
          flags.json === true ? `${JSON.stringify({ servers: examined }, null, 2)}\n` : reportText(examined),
        );
        const worst = examined.some(({ verdict }) => verdict === 'broken')
          ? 'broken'
          : examined.some(({ verdict }) => verdict === 'change')
            ? 'change'
            : 'works';
        io.exit(DOCTOR_EXIT[worst]);
      },
    );
}

/** How many of the words stood behind `--`; commander hands all of them over alike. */
function wordsAfterDashes(command: Command): number {
  const { rawArgs } = command.parent as unknown as { readonly rawArgs: readonly string[] };
  const at = rawArgs.indexOf('--');
  return at < 0 ? 0 : rawArgs.length - at - 1;
}

function targetOf(words: readonly string[], afterDashes: number, flags: DoctorFlags): DoctorTarget {
  const [first, ...more] = words;
  if (afterDashes > 0 && afterDashes === words.length) return { kind: 'command', words };
  if (more.length > 0)
    throw new StartupError(
      `doctor takes one server or address; a command stands behind --: lanport doctor -- ${words.join(' ')}`,
      EXIT.configuration,
    );
  if (first === undefined) return { kind: 'all' };
  if (first.includes('://')) return { kind: 'url', url: first, headers: flags.header };
  if (/^(?:[\w.-]+:\d+|[\w-]+(?:\.[\w-]+)+)(?:\/|$)/.test(first) && flags.config === undefined)
    return { kind: 'url', url: `http://${first}`, headers: flags.header };
  return { kind: 'server', name: first };
}

function secondsOf(text: string): number {
  const seconds = Number(text);
  if (!/^\d+(?:\.\d+)?$/.test(text) || seconds <= 0 || seconds > 3_600)
    throw new InvalidArgumentError('It is a number of seconds, up to 3600.');
  return seconds * 1_000;
}

function headerOf(
  line: string,
  before: readonly (readonly [string, string])[],
): readonly (readonly [string, string])[] {
  const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*(.*)$/.exec(line) ?? [];
  if (name === undefined || value === undefined)
    throw new InvalidArgumentError('A header is written as "Name: value".');
  return [...before, [name, value]];
}
