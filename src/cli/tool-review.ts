import { type Command, InvalidArgumentError } from 'commander';
import { clientOf, type ClientOptions, withClientOptions } from './client-options.ts';
import { lineDiff } from './line-diff.ts';
import { printable } from './printable.ts';
import type { ProgramIo } from './program-io.ts';
import { ago, table } from './table.ts';

interface Held {
  readonly server: string;
  readonly tool: string;
  readonly held: boolean;
  readonly change: readonly string[];
  readonly hash: string;
  readonly firstSeen: string;
}

interface Version {
  readonly hash: string;
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly change: readonly string[];
  readonly accepted?: { readonly at: string; readonly by: string };
  readonly definition?: Readonly<Record<string, unknown>>;
}

interface History {
  readonly server: string;
  readonly tool: string;
  readonly state: string;
  readonly hash?: string;
  readonly removedAt?: string;
  readonly versions: readonly Version[];
}

interface Accepted {
  readonly server: string;
  readonly tool: string;
  readonly hash: string;
}

interface Target {
  readonly server: string;
  readonly tool: string | undefined;
}

interface AcceptOptions extends ClientOptions {
  readonly all?: boolean;
  readonly hash?: string;
}

const HASH_SHOWN = 12;

/** Adds `lanport tools history | held | accept`. */
export function registerToolReviewCommands(tools: Command, io: ProgramIo): void {
  withClientOptions(
    tools
      .command('history')
      .argument('[server[/tool]]', 'a server, or one of its tools by its original name', targetOf)
      .description('The definitions that tools have had, when they changed, and of one tool what changed.'),
  )
    .addHelpText('after', '\nExamples:\n  lanport tools history\n  lanport tools history db/query')
    .action(async (target: Target | undefined, options: ClientOptions) => {
      await using client = clientOf(options, io);
      const path = `/v1/mcp/tools/history${queryOf(target)}`;
      const { tools: found } = (await client.get(path)) as { readonly tools: readonly History[] };
      if (options.json === true) io.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
      else io.stdout.write(target?.tool === undefined ? summary(found, io.now()) : found.map(whole).join(''));
    });
  withClientOptions(
    tools
      .command('held')
      .description('Tools that changed and were not accepted yet, held back or offered all the same.'),
  )
    .addHelpText('after', '\nExample:\n  lanport tools held')
    .action(async (options: ClientOptions) => {
      await using client = clientOf(options, io);
      const { tools: found } = (await client.get('/v1/mcp/tools/held')) as {
        readonly tools: readonly Held[];
      };
      if (options.json === true) io.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
      else if (found.length === 0) io.stdout.write('No tool waits to be accepted.\n');
      else
        io.stdout.write(
          table(
            ['TOOL', 'CHANGED', 'SINCE', 'STATE', 'HASH'],
            found.map((one) => [
              printable(`${one.server}/${one.tool}`),
              one.change.join(', '),
              ago(one.firstSeen, io.now()),
              one.held ? 'held back' : 'offered',
              one.hash.slice(0, HASH_SHOWN),
            ]),
          ),
        );
    });
  withClientOptions(
    tools
      .command('accept')
      .argument('[server[/tool]]', 'the tool, by its original name, or with --all a server', targetOf)
      .description('Accept the definition that a server offers now.')
      .option('--all', 'every tool that waits: of the server, or of all servers')
      .option('--hash <hash>', 'only if it is this version (8 digits or more)'),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  lanport tools accept db/query\n  lanport tools accept db/query --hash 3f9ac0d17be2\n  lanport tools accept db --all',
    )
    .action(async (target: Target | undefined, options: AcceptOptions, command: Command) => {
      if ((target?.tool === undefined) !== (options.all === true))
        command.error('error: say which tool (server/tool), or --all');
      if (options.hash !== undefined && target?.tool === undefined)
        command.error('error: --hash belongs to one tool (server/tool)');
      await using client = clientOf(options, io);
      const { accepted } = (await client.post('/v1/mcp/tools/accept', {
        ...target,
        hash: options.hash,
        all: options.all,
      })) as { readonly accepted: readonly Accepted[] };
      if (options.json === true) io.stdout.write(`${JSON.stringify(accepted, null, 2)}\n`);
      else if (accepted.length === 0) io.stdout.write('Nothing was waiting to be accepted.\n');
      else
        for (const { server, tool, hash } of accepted)
          io.stdout.write(`accepted ${printable(`${server}/${tool}`)} (${hash.slice(0, HASH_SHOWN)})\n`);
    });
}

/** Names of servers contain no `/`, those of tools may. */
function targetOf(text: string): Target {
  const at = text.indexOf('/');
  const server = at < 0 ? text : text.slice(0, at);
  const tool = at < 0 ? undefined : text.slice(at + 1);
  if (server === '' || tool === '') throw new InvalidArgumentError('It has the form server or server/tool.');
  return { server, tool };
}

function queryOf(target: Target | undefined): string {
  if (target === undefined) return '';
  const { server, tool } = target;
  return `?${new URLSearchParams(tool === undefined ? { server } : { server, tool }).toString()}`;
}

function summary(found: readonly History[], now: number): string {
  if (found.length === 0) return 'No tools were seen so far.\n';
  return table(
    ['TOOL', 'STATE', 'VERSIONS', 'LAST CHANGE', 'AGO'],
    found.map((one) => {
      const last = one.versions.at(-1);
      const removed = one.removedAt !== undefined;
      return [
        printable(`${one.server}/${one.tool}`),
        one.state,
        String(one.versions.length),
        removed ? 'removed' : (last?.change.join(', ') ?? '-'),
        ago(removed ? one.removedAt : last?.firstSeen, now),
      ];
    }),
  );
}

/** Every version of a tool, each with what is different from the one before. */
function whole(history: History): string {
  const gone = history.removedAt === undefined ? '' : ` since ${history.removedAt}`;
  const parts = [`${printable(`${history.server}/${history.tool}`)}: ${history.state}${gone}\n`];
  for (const [at, version] of history.versions.entries()) {
    const { hash, firstSeen, lastSeen, accepted } = version;
    parts.push(
      `\n${hash.slice(0, HASH_SHOWN)}  ${version.change.join(', ')}${hash === history.hash ? '  (current)' : ''}\n`,
      `  seen      ${firstSeen} to ${lastSeen}\n`,
      `  accepted  ${accepted === undefined ? 'no' : `${accepted.at}, ${printable(accepted.by)}`}\n`,
    );
    const before = history.versions[at - 1];
    if (before === undefined) continue;
    if (version.definition === undefined || before.definition === undefined)
      parts.push('  a definition is too long to be kept; only its hash is known\n');
    else
      for (const line of lineDiff(linesOf(before.definition), linesOf(version.definition)))
        parts.push(`  ${line}\n`);
  }
  return parts.join('');
}

/** A definition in lines: the description as it is written, the rest as JSON. */
function linesOf({ description, ...rest }: Readonly<Record<string, unknown>>): readonly string[] {
  const text = typeof description === 'string' ? description.split('\n') : [];
  return [...text.map((line) => `description: ${line}`), ...JSON.stringify(rest, null, 2).split('\n')].map(
    printable,
  );
}
