import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { GatewayClient } from '../app/client.ts';
import { writeNewFile } from '../app/new-file.ts';
import { EXIT, StartupError } from '../app/startup-error.ts';
import { clientOf, type ClientOptions, withClientOptions } from './client-options.ts';
import { ledgerLine, type LedgerLine, ledgerTable, type ShownCall, turnText } from './ledger-rows.ts';
import type { ProgramIo } from './program-io.ts';

/** What narrows down calls, as the API names it. */
interface FilterOptions {
  readonly ofKey?: string;
  readonly user?: string;
  readonly team?: string;
  readonly server?: string;
  readonly tool?: string;
  readonly model?: string;
  readonly status?: string;
  readonly kind?: string;
  readonly parent?: string;
  readonly since?: string;
  readonly until?: string;
}

const PAGE = 1_000;
const STATUSES = ['ok', 'tool-error', 'error', 'denied', 'cancelled', 'timeout', 'unknown', 'open'];

const EXIT_HELP = `
Exit code: 0 done, 1 the gateway refused, 2 wrong options, 4 no gateway answers, or it refuses the key.
`;

function withFilter(command: Command): Command {
  return command
    .option('--of-key <key>', 'calls of this key: its alias, id, token, or the key itself')
    .option('--user <id>', 'calls of this user')
    .option('--team <id>', 'calls of this team')
    .option('--server <name>', 'calls to this MCP server')
    .option('--tool <name>', "calls of this tool, by the server's own name or as clients write it")
    .option('--model <name>', 'requests to this model')
    .addOption(new Option('--status <status>', 'how they ended').choices(STATUSES))
    .addOption(
      new Option('--kind <kind>', 'admin: what operators did; without it MCP and models').choices([
        'mcp',
        'llm',
        'admin',
        'all',
      ]),
    )
    .option('--parent <id>', 'tools that this request to a model called')
    .option('--since <time>', 'from then on: 2026-11-21, 2026-11-21T13:00:00Z, or how long ago: 90m, 7d')
    .option('--until <time>', 'before then');
}

/** Adds `tail`, `query`, `show`, `export` and `code`. */
export function registerLedgerQueries(ledger: Command, io: ProgramIo): void {
  withClientOptions(
    withFilter(ledger.command('tail').description('The newest calls, oldest of them first.'))
      .option('-n, --lines <number>', 'how many', countOf, 20)
      .option('-f, --follow', 'go on with calls as they end, until interrupted'),
  )
    .addHelpText(
      'after',
      `${EXIT_HELP}\nExamples:\n  lanport ledger tail -n 5 --json\n  lanport ledger tail --follow --status denied`,
    )
    .action(
      async (
        options: ClientOptions & FilterOptions & { readonly lines: number; readonly follow?: boolean },
      ) => {
        await using client = clientOf(options, io);
        // Asked for before the newest ones are, so that none is missed in between; those that both have are shown once.
        const followed =
          options.follow === true
            ? await client.download(`/v1/ledger/follow?${queryOf(options)}`)
            : undefined;
        const rows = (await pageOf(client, options, options.lines)).reverse();
        // Before the first word, from which on somebody may interrupt.
        const stopped = followed === undefined ? undefined : io.stopRequested();
        if (options.json === true) for (const row of rows) io.stdout.write(`${JSON.stringify(row)}\n`);
        else io.stdout.write(followed === undefined ? ledgerTable(rows) : rows.map(ledgerLine).join(''));
        if (followed !== undefined && stopped !== undefined)
          await follow(
            followed,
            stopped,
            new Set(rows.filter(({ status }) => status !== undefined).map(({ id }) => id)),
            options.json === true,
            io,
          );
      },
    );
  withClientOptions(
    withFilter(ledger.command('query').description('Calls that fit, newest first.'))
      .option('-n, --limit <number>', 'how many', countOf, 100)
      .option('--before <id>', 'the next page: calls before this one'),
  )
    .addHelpText(
      'after',
      `${EXIT_HELP}\nExamples:\n  lanport ledger query --server github --status denied --since 7d\n  lanport ledger query --of-key ci --tool list_issues --limit 1000 --json`,
    )
    .action(
      async (
        options: ClientOptions & FilterOptions & { readonly limit: number; readonly before?: string },
      ) => {
        await using client = clientOf(options, io);
        const rows = await pageOf(client, options, options.limit, options.before);
        io.stdout.write(options.json === true ? `${JSON.stringify(rows)}\n` : ledgerTable(rows));
        if (options.json !== true && rows.length === options.limit)
          io.stderr.write(`There may be more: --before ${rows.at(-1)!.id}\n`);
      },
    );
  withClientOptions(
    ledger
      .command('show')
      .argument('<id>', 'id of a call, which answers carry as x-request-id')
      .description(
        'One call: a request to a model with the tools that it called, their sizes and costs; and what was asked and answered, where it is kept.',
      ),
  )
    .addHelpText(
      'after',
      `${EXIT_HELP}\nExample:\n  lanport ledger show 019355e4-7a6f-7b3f-8000-000000000000`,
    )
    .action(async (id: string, options: ClientOptions) => {
      await using client = clientOf(options, io);
      const shown = (await client.get(`/v1/ledger/${encodeURIComponent(id)}`)) as ShownCall;
      io.stdout.write(options.json === true ? `${JSON.stringify(shown)}\n` : turnText(shown));
    });
  withClientOptions(
    withFilter(
      ledger.command('export').description('All calls that fit, newest first, however many they are.'),
    )
      .addOption(
        new Option('--format <format>', 'lines of JSON, or CSV').choices(['jsonl', 'csv']).default('jsonl'),
      )
      .option('-o, --output <file>', 'the file, which must not exist; without it standard output'),
  )
    .addHelpText(
      'after',
      `${EXIT_HELP}\nExample:\n  lanport ledger export --format csv --since 2026-11-01 --until 2026-12-01 -o november.csv`,
    )
    .action(
      async (
        options: ClientOptions & FilterOptions & { readonly format: string; readonly output?: string },
      ) => {
        await using client = clientOf(options, io);
        const ask = (): Promise<Readable> =>
          client.download(`/v1/ledger/export?${queryOf(options, { format: options.format })}`);
        if (options.output !== undefined)
          await writeNewFile(resolve(options.output), ask, () => Promise.resolve(), io.stopRequested());
        else
          for await (const text of (await ask()).setEncoding('utf8') as AsyncIterable<string>)
            io.stdout.write(text);
      },
    );
  withClientOptions(
    ledger
      .command('code')
      .description('What stands in the ledger for a secret, which is read from standard input.'),
  )
    .addHelpText('after', `${EXIT_HELP}\nExample:\n  printf %s "$TOKEN" | lanport ledger code`)
    .action(async (options: ClientOptions) => {
      await using client = clientOf(options, io);
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
      const code = (await client.post('/v1/ledger/code', {
        value: Buffer.concat(chunks).toString('utf8'),
      })) as {
        readonly mark: string;
      };
      io.stdout.write(options.json === true ? `${JSON.stringify(code)}\n` : `${code.mark}\n`);
    });
}

/** Up to `limit` calls, as many pages as that takes. */
async function pageOf(
  client: GatewayClient,
  options: FilterOptions,
  limit: number,
  from?: string,
): Promise<LedgerLine[]> {
  const rows: LedgerLine[] = [];
  let before = from;
  while (rows.length < limit) {
    const asked = Math.min(PAGE, limit - rows.length);
    const more = { limit: String(asked), ...(before === undefined ? {} : { before }) };
    const page = (await client.get(`/v1/ledger?${queryOf(options, more)}`)) as readonly LedgerLine[];
    rows.push(...page);
    before = page.at(-1)?.id;
    if (page.length < asked) break;
  }
  return rows;
}

async function follow(
  body: Readable,
  stopped: Promise<string>,
  shown: ReadonlySet<string>,
  isJson: boolean,
  io: ProgramIo,
): Promise<void> {
  const lines = createInterface({ input: body });
  let isInterrupted = false;
  // A body that is destroyed does not end, so its lines have to.
  void stopped.then(() => {
    isInterrupted = true;
    lines.close();
    body.destroy();
  });
  for await (const line of lines) {
    if (line === '') continue;
    const row = JSON.parse(line) as LedgerLine & { readonly dropped?: number };
    if (row.dropped !== undefined)
      io.stderr.write(`${row.dropped} calls were left out, because they came too fast\n`);
    else if (!shown.has(row.id)) io.stdout.write(isJson ? `${line}\n` : ledgerLine(row));
  }
  if (!isInterrupted)
    throw new StartupError('the gateway has stopped: follow it again when it is back', EXIT.unreachable);
}

function queryOf(options: FilterOptions, more: Readonly<Record<string, string>> = {}): string {
  const { ofKey, user, team, server, tool, model, status, kind, parent, since, until } = options;
  const given = { key: ofKey, user, team, server, tool, model, status, kind, parent, since, until, ...more };
  return new URLSearchParams(
    Object.entries(given).filter((pair): pair is [string, string] => pair[1] !== undefined),
  ).toString();
}

function countOf(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('It must be a number from 1 to 9999999.');
  return Number(text);
}
