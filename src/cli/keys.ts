import { type Command, InvalidArgumentError } from 'commander';
import type { GatewayClient } from '../app/client.ts';
import { clientOf, type ClientOptions, withClientOptions } from './client-options.ts';
import { describeKey, keyCells, KEY_HEADERS, type ShownKey } from './key-report.ts';
import type { ProgramIo } from './program-io.ts';
import { table } from './table.ts';

interface CreateOptions extends ClientOptions {
  readonly alias?: string;
  readonly user?: string;
  readonly team?: string;
  readonly model?: readonly string[];
  readonly server?: readonly string[];
  readonly tool?: readonly string[];
  readonly budget?: number;
  readonly budgetPeriod?: string;
  readonly rpm?: number;
  readonly tpm?: number;
  readonly parallel?: number;
  readonly expires?: string;
  readonly type?: string;
  readonly tag?: readonly string[];
  readonly allowedIp?: readonly string[];
  readonly description?: string;
}

interface ListOptions extends ClientOptions {
  readonly user?: string;
  readonly team?: string;
}

/** Keys that one answer of the gateway holds at most. */
const PAGE = 100;

/** Adds `lanport keys create | list | show | rotate | revoke`. */
export function registerKeysCommands(program: Command, io: ProgramIo): void {
  const keys = program
    .command('keys')
    .description('The virtual keys of a running gateway: who may use what, and how much.');
  registerCreate(keys, io);
  registerReading(keys, io);
  registerRotate(keys, io);
  registerRevoke(keys, io);
}

function registerCreate(keys: Command, io: ProgramIo): void {
  withClientOptions(
    keys
      .command('create')
      .description('Makes a key and prints it, this once. It may use what is named here and nothing else.')
      .option('--alias <name>', 'name of the key in lists, logs and the ledger')
      .option('--user <id>', 'whom it belongs to')
      .option('--team <id>', 'the team that it belongs to')
      .option('--model <name...>', 'models that it may use: names, names with a star, access groups, or "*"')
      .option('--server <name...>', 'MCP servers that it may use: names, aliases, or "*"')
      .option('--tool <name...>', 'of those servers, only these tools')
      .option('--budget <dollars>', 'US dollars that it may spend', numberOf)
      .option('--budget-period <duration>', 'the budget is renewed after so long: 24h, 30d')
      .option('--rpm <number>', 'requests per minute', countOf)
      .option('--tpm <number>', 'tokens per minute', countOf)
      .option('--parallel <number>', 'requests at the same time', countOf)
      .option('--expires <duration>', 'how long it works: 24h, 90d')
      .option('--type <type>', 'default, llm_api, management or read_only')
      .option('--tag <tag...>', 'tags, by which spend is summed up')
      .option('--allowed-ip <range...>', 'addresses and ranges that it may be used from')
      .option('--description <text>', 'for people'),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  lanport keys create --alias ada-laptop --user ada --model gpt-4o --server db --budget 20 --budget-period 30d\n  KEY=$(lanport keys create --alias nightly --server db --expires 90d)',
    )
    .action(async (options: CreateOptions) => {
      await using client = clientOf(options, io);
      printIssued((await client.post('/key/generate', bodyOf(options))) as ShownKey, options, io);
    });
}

function bodyOf(options: CreateOptions): Record<string, unknown> {
  const { server, tool } = options;
  const all = {
    key_alias: options.alias,
    user_id: options.user,
    team_id: options.team,
    models: options.model,
    object_permission:
      server === undefined && tool === undefined ? undefined : { mcp_servers: server ?? [], mcp_tools: tool },
    max_budget: options.budget,
    budget_duration: options.budgetPeriod,
    rpm_limit: options.rpm,
    tpm_limit: options.tpm,
    max_parallel_requests: options.parallel,
    duration: options.expires,
    key_type: options.type,
    tags: options.tag,
    allowed_ips: options.allowedIp,
    description: options.description,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function registerReading(keys: Command, io: ProgramIo): void {
  withClientOptions(
    keys
      .command('list')
      .description('Every key, those of the configuration too, newest first.')
      .option('--user <id>', 'only those of this user')
      .option('--team <id>', 'only those of this team'),
  )
    .addHelpText('after', '\nExample:\n  lanport keys list --team data')
    .action(async (options: ListOptions) => {
      await using client = clientOf(options, io);
      const all = await listed(client, options);
      io.stdout.write(
        options.json === true
          ? `${JSON.stringify(all, null, 2)}\n`
          : table(
              KEY_HEADERS,
              all.map((key) => keyCells(key, io.now())),
            ),
      );
    });
  withClientOptions(
    keys
      .command('show')
      .argument('<key>', 'alias, id, token or the key itself')
      .description('Everything about one key but its value.'),
  )
    .addHelpText('after', '\nExample:\n  lanport keys show ada-laptop')
    .action(async (name: string, options: ClientOptions) => {
      await using client = clientOf(options, io);
      const { info } = (await client.get(`/key/info?key=${encodeURIComponent(name)}`)) as {
        readonly info: ShownKey;
      };
      io.stdout.write(
        options.json === true ? `${JSON.stringify(info, null, 2)}\n` : describeKey(info, io.now()),
      );
    });
}

async function listed(client: GatewayClient, { user, team }: ListOptions): Promise<readonly ShownKey[]> {
  const all: ShownKey[] = [];
  for (let page = 1; ; page++) {
    const query = new URLSearchParams({
      return_full_object: 'true',
      include_configured: 'true',
      page: String(page),
      size: String(PAGE),
    });
    if (user !== undefined) query.set('user_id', user);
    if (team !== undefined) query.set('team_id', team);
    const answer = (await client.get(`/key/list?${query.toString()}`)) as {
      readonly keys: readonly ShownKey[];
      readonly total_pages: number;
    };
    all.push(...answer.keys);
    if (page >= answer.total_pages) return all;
  }
}

function registerRotate(keys: Command, io: ProgramIo): void {
  withClientOptions(
    keys
      .command('rotate')
      .argument('<key>', 'alias, id, token or the key itself')
      .option(
        '--grace <duration>',
        'the value before goes on working for so long: 30m, 24h; else it ends at once',
      )
      .description('Gives a key a new value and prints it, this once. Limits, spend and alias stay.'),
  )
    .addHelpText('after', '\nExample:\n  KEY=$(lanport keys rotate ada-laptop --grace 24h)')
    .action(async (name: string, options: ClientOptions & { readonly grace?: string }) => {
      await using client = clientOf(options, io);
      const body = { key: name, ...(options.grace === undefined ? {} : { grace_period: options.grace }) };
      printIssued((await client.post('/key/regenerate', body)) as ShownKey, options, io);
    });
}

function registerRevoke(keys: Command, io: ProgramIo): void {
  withClientOptions(
    keys
      .command('revoke')
      .argument('<key...>', 'aliases, ids, tokens or the keys themselves')
      .description(
        'Deletes keys, all of them or none; they are refused at once. What they did stays in the ledger.',
      ),
  )
    .addHelpText('after', '\nExample:\n  lanport keys revoke ada-laptop nightly')
    .action(async (names: readonly string[], options: ClientOptions) => {
      await using client = clientOf(options, io);
      const answer = (await client.post('/key/delete', { keys: names })) as {
        readonly deleted_keys: readonly string[];
      };
      if (options.json === true) io.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
      else io.stdout.write(`${names.length === 1 ? 'The key is' : `${names.length} keys are`} revoked.\n`);
    });
}

/** The value alone goes to standard output, so that a script can take it. */
function printIssued(key: ShownKey, options: ClientOptions, io: ProgramIo): void {
  if (options.json === true) {
    io.stdout.write(`${JSON.stringify(key, null, 2)}\n`);
    return;
  }
  io.stderr.write(`Key ${key.key_alias ?? key.key_id}, which is shown this once:\n`);
  io.stdout.write(`${key.key}\n`);
  for (const until of key.former_values_until) io.stderr.write(`The value before works until ${until}.\n`);
  if (key.models.length === 0 && key.object_permission.mcp_servers.length === 0 && key.team_id === null)
    io.stderr.write('It may use no model and no MCP server yet (--model, --server).\n');
}

function numberOf(text: string): number {
  const value = Number(text);
  // What JSON cannot carry would arrive as no limit.
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('It must be a number from 0.');
  return value;
}

function countOf(text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 0.');
  return Number(text);
}
