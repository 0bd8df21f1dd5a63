import type { Command } from 'commander';
import { type Explanation, explainAll, explainPath } from '../config/explain.ts';
import { type InspectedConfig, inspectConfig } from '../config/load.ts';
import { type ConfigProblem, formatProblem } from '../config/problem.ts';
import { generateConfigReference } from '../config/reference.ts';

/** What a command writes to and reads from. */
export interface CommandIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Sets the exit code of the process; the process's own when left out. */
  readonly exit?: (code: number) => void;
}

interface ReadOptions {
  readonly json?: boolean;
  readonly envFile?: string;
}

/**
 * Adds `lanport config check | explain | schema` and returns `config`. Exit code 0: usable, warnings included; 1: errors, or no such
 * setting.
 */
export function registerConfigCommands(program: Command, io: CommandIo): Command {
  const config = program.command('config').description('Check and explain the configuration file.');
  config
    .command('check')
    .argument('<file>', 'configuration file')
    .description('Load the file as the gateway would, without listening, and print every problem.')
    .option('--json', 'print JSON')
    .option('--env-file <file>', 'file of NAME=value lines with further variables')
    .addHelpText(
      'after',
      '\nExit code: 0 when the file can be used (warnings included), 1 when it has errors.\n\nExample:\n  lanport config check config.yaml',
    )
    .action((file: string, options: ReadOptions) => check(file, options, io));
  config
    .command('explain')
    .argument('[path-and-file...]', 'a setting, a file, or both')
    .description('Show the values in force, where each comes from and what it means.')
    .option('--json', 'print JSON')
    .option('--env-file <file>', 'file of NAME=value lines with further variables')
    .addHelpText(
      'after',
      '\nExamples:\n  lanport config explain config.yaml\n  lanport config explain general_settings.port config.yaml\n  lanport config explain mcp_servers.db.timeout',
    )
    .action((words: string[], options: ReadOptions) => explain(words, options, io));
  config
    .command('schema')
    .description('Print the JSON Schema of the file, for editors.')
    .addHelpText(
      'after',
      '\nExample:\n  lanport config schema > config.schema.json\n  # then, as the first line of config.yaml:\n  # yaml-language-server: $schema=config.schema.json',
    )
    .action(() => void io.stdout.write(`${JSON.stringify(generateConfigReference().schema, null, 2)}\n`));
  return config;
}

function finish(io: CommandIo, code: number): void {
  if (io.exit !== undefined) io.exit(code);
  else if (code !== 0) process.exitCode = code;
}

async function check(file: string, options: ReadOptions, io: CommandIo): Promise<void> {
  const inspected = await inspectConfig({ file, env: io.env, envFile: options.envFile });
  const ok = inspected.config !== undefined;
  if (options.json === true)
    io.stdout.write(`${JSON.stringify({ ok, file, problems: inspected.problems }, null, 2)}\n`);
  else {
    for (const problem of inspected.problems) io.stdout.write(`${formatProblem(problem)}\n`);
    io.stdout.write(`${file}: ${summary(inspected)}\n`);
  }
  finish(io, ok ? 0 : 1);
}

function summary({ config, problems }: InspectedConfig): string {
  const number = (severity: ConfigProblem['severity']): number =>
    problems.filter((problem) => problem.severity === severity).length;
  const warnings = counted(number('warning'), 'warning');
  if (config === undefined) return `${counted(number('error'), 'error')}, ${warnings}.`;
  const parts = [
    counted(config.mcp.servers.length, 'MCP server'),
    counted(config.keys.keys.length, 'virtual key'),
    counted(config.llm.models.length, 'model'),
  ];
  return `can be used: ${parts.join(', ')}; ${warnings}.`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

async function explain(words: readonly string[], options: ReadOptions, io: CommandIo): Promise<void> {
  if (words.length > 2) {
    io.stderr.write(
      'explain takes a setting and a file: lanport config explain general_settings.port config.yaml\n',
    );
    return finish(io, 1);
  }
  const isFile = (word: string | undefined): boolean =>
    word !== undefined && /\.ya?ml$|\/|\.json$/.test(word);
  const file = words.find(isFile) ?? words[1];
  const path = words.find((word) => word !== file);
  const inspected = await inspectConfig({ file, env: io.env, envFile: options.envFile });
  for (const problem of inspected.problems)
    if (problem.severity === 'error') io.stderr.write(`${formatProblem(problem)}\n`);
  const found = path === undefined ? explainAll(inspected) : explainPath(inspected, path);
  if (found === undefined) {
    io.stderr.write(`There is no setting ${path}. See: lanport config explain\n`);
    return finish(io, 1);
  }
  if (options.json === true) io.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  else for (const one of found) io.stdout.write(path === undefined ? brief(one) : full(one));
  finish(io, inspected.config === undefined ? 1 : 0);
}

function brief({ path, value, origin }: Explanation): string {
  return `${path} = ${value ?? '-'}  (${origin})\n`;
}

function full(one: Explanation): string {
  const lines = [
    one.origin === 'section' ? one.path : `${one.path} = ${one.value ?? '-'}  (${one.origin})`,
    one.meaning,
    `Type: ${one.type}.${one.defaultValue === undefined ? '' : ` Default: ${one.defaultValue}.`}`,
    one.environment.length === 0 ? undefined : `Environment: ${one.environment.join(', ')}.`,
  ];
  return `${lines.filter((line) => line !== undefined).join('\n  ')}\n`;
}
