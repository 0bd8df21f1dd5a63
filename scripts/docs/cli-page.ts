import type { Command } from 'commander';
import { EXIT } from '../../src/app/startup-error.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { GENERATED } from './markdown.ts';

const WIDTH = 110;

const EXIT_MEANING: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'done',
  failed: 'it failed, or what was asked about has a problem',
  configuration: 'the configuration or the command line has errors',
  start: 'the gateway could not be started',
  unreachable: 'no gateway answers, or it refuses the key',
  incomplete: 'nothing was found wrong, but not everything could be checked',
};

/** docs/reference/cli.md: the help of every command. */
export function cliPage(): string {
  const program = buildProgram({
    stdout: { write: () => true },
    stderr: { write: () => true },
    env: {},
    now: () => 0,
    exit: () => {},
    stopRequested: () => new Promise(() => {}),
    onReloadRequested: () => {},
    onCrash: () => {},
  });
  const sections = leaves(program).map(
    ({ name, command }) => `## ${name}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\`\n`,
  );
  const codes = Object.entries(EXIT).map(
    ([name, code]) => `| ${code} | ${EXIT_MEANING[name as keyof typeof EXIT]} |`,
  );
  return `# Command line

${GENERATED('src/cli')}

\`npm run lanport -- COMMAND\` in a checkout, or after \`alias lanport="node $PWD/scripts/lanport.mjs"\` \`lanport COMMAND\`, of which a script can
take the output: \`npm run\` prints lines of its own. \`npm start -- OPTIONS\` is \`lanport serve OPTIONS\`. What is asked for goes to standard output,
everything else to standard error. Commands that talk to a running gateway find its key in the data folder when none is given.

| exit code | means |
| --- | --- |
${codes.join('\n')}

${sections.join('\n')}`;
}

interface Leaf {
  readonly name: string;
  readonly command: Command;
}

function leaves(command: Command, before = ''): readonly Leaf[] {
  const name = before === '' ? command.name() : `${before} ${command.name()}`;
  if (command.commands.length === 0) return [{ name, command }];
  return command.commands.flatMap((child) => leaves(child, name));
}

/** The help as it is printed, with the texts after it, at a fixed width and without colours. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
    getOutHelpWidth: () => WIDTH,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.trimEnd();
}
