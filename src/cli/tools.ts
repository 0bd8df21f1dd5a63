import { type Command, InvalidArgumentError } from 'commander';
import { EXIT } from '../app/startup-error.ts';
import { clientOf, type ClientOptions, withClientOptions } from './client-options.ts';
import { printable } from './printable.ts';
import type { ProgramIo } from './program-io.ts';
import { table } from './table.ts';
import { registerToolReviewCommands } from './tool-review.ts';

interface Tool {
  readonly name: string;
  readonly server: string;
  readonly description?: string;
}

interface Result {
  readonly isError?: boolean;
  readonly content?: readonly { readonly type: string; readonly text?: string }[];
}

/** Adds `lanport tools list | call | history | held | accept`. */
export function registerToolsCommands(program: Command, io: ProgramIo): void {
  const tools = program.command('tools').description('The tools of a running gateway.');
  withClientOptions(tools.command('list').description('Every tool that the key may use.'))
    .addHelpText('after', '\nExample:\n  lanport tools list')
    .action(async (options: ClientOptions) => {
      await using client = clientOf(options, io);
      const list = ((await client.get('/v1/mcp/tools')) as { readonly tools: readonly Tool[] }).tools;
      if (options.json === true) io.stdout.write(`${JSON.stringify(list, null, 2)}\n`);
      else
        io.stdout.write(
          table(
            ['TOOL', 'SERVER', 'DESCRIPTION'],
            list.map((tool) => [
              tool.name,
              tool.server,
              printable((tool.description ?? '').replaceAll(/\s+/g, ' ').slice(0, 80)),
            ]),
          ),
        );
    });
  withClientOptions(
    tools
      .command('call')
      .argument('<tool>', 'name of the tool')
      .argument('[arguments]', 'arguments as a JSON object', objectOf)
      .description('Call a tool and print its result.'),
  )
    .addHelpText(
      'after',
      `\nExit code: 0 the tool succeeded, 1 it reported an error.\n\nExample:\n  lanport tools call execute_sql '{"sql": "SELECT count(*) FROM shop.orders"}'`,
    )
    .action(
      async (name: string, args: Readonly<Record<string, unknown>> | undefined, options: ClientOptions) => {
        await using client = clientOf(options, io);
        const result = (await client.rpc('tools/call', { name, arguments: args ?? {} })) as Result;
        if (options.json === true) io.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
        else
          for (const item of result.content ?? [])
            io.stdout.write(`${item.type === 'text' ? item.text : JSON.stringify(item)}\n`);
        io.exit(result.isError === true ? EXIT.failed : EXIT.ok);
      },
    );
  registerToolReviewCommands(tools, io);
}

function objectOf(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InvalidArgumentError(`Arguments must be a JSON object: ${(error as Error).message}.`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InvalidArgumentError('Arguments must be a JSON object, for example \'{"sql": "SELECT 1"}\'.');
  return value;
}
