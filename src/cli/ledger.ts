import { type Command, InvalidArgumentError } from 'commander';
import { clientOf, type ClientOptions, withClientOptions } from './client-options.ts';
import type { ProgramIo } from './program-io.ts';
import { table } from './table.ts';

interface Row {
  readonly startedAt: string;
  readonly keyAlias?: string;
  readonly keyId: string;
  readonly server?: string;
  readonly toolName?: string;
  readonly model?: string;
  readonly parentId?: string;
  readonly cost?: number;
  readonly status?: string;
  readonly totalMs?: number;
  readonly errorCode?: string;
}

/** Adds `lanport ledger tail`. */
export function registerLedgerCommands(program: Command, io: ProgramIo): void {
  const ledger = program.command('ledger').description('The record of every call.');
  withClientOptions(
    ledger
      .command('tail')
      .description('The newest calls, oldest of them first.')
      .option('-n, --lines <number>', 'how many', countOf, 20),
  )
    .addHelpText('after', '\nExample:\n  lanport ledger tail -n 5 --json')
    .action(async (options: ClientOptions & { readonly lines: number }) => {
      await using client = clientOf(options, io);
      const rows = [...((await client.get(`/v1/ledger?limit=${options.lines}`)) as readonly Row[])].reverse();
      if (options.json === true) for (const row of rows) io.stdout.write(`${JSON.stringify(row)}\n`);
      else
        io.stdout.write(
          table(
            ['TIME', 'KEY', 'SERVER', 'TOOL OR MODEL', 'STATUS', 'MS', 'USD', 'CAUSE', 'ERROR'],
            rows.map(cells),
          ),
        );
    });
}

function cells(row: Row): string[] {
  return [
    row.startedAt,
    row.keyAlias ?? row.keyId,
    row.server ?? '-',
    row.toolName ?? row.model ?? '-',
    row.status ?? 'received',
    row.totalMs?.toFixed(1) ?? '-',
    row.cost?.toFixed(6) ?? '-',
    row.parentId ?? '-',
    row.errorCode ?? '',
  ];
}

function countOf(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('It must be a number from 1 to 9999.');
  return Number(text);
}
