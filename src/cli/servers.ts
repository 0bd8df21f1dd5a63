import type { Command } from 'commander';
import { clientOf, type ClientOptions, withClientOptions } from './client-options.ts';
import type { ProgramIo } from './program-io.ts';
import { ago, table } from './table.ts';

interface Server {
  readonly name: string;
  readonly alias?: string;
  readonly state: string;
  readonly since: string;
  readonly reason?: string;
  readonly declaredTransport: string;
  readonly transport?: string;
  readonly url?: string;
  readonly revision?: string;
  readonly pid?: number;
  readonly tools: number;
  readonly toolsReadAt?: string;
  readonly starts: number;
  readonly inFlight: number;
  readonly findings: readonly { readonly code: string; readonly text: string; readonly fix?: string }[];
  readonly prompts: number;
  readonly resources: number;
  readonly resourceTemplates: number;
  readonly isolation: string;
  readonly isolatedConnections: number;
  readonly waiting: number;
  readonly history: readonly { readonly at: string; readonly state: string; readonly reason?: string }[];
  readonly stderr?: string;
  readonly toolNames?: readonly string[];
}

/** Adds `lanport servers list | show | restart | logs`. */
export function registerServersCommands(program: Command, io: ProgramIo): void {
  const servers = program.command('servers').description('The MCP servers of a running gateway.');
  withClientOptions(servers.command('list').description('Every server with its state.'))
    .addHelpText('after', '\nExample:\n  lanport servers list')
    .action(async (options: ClientOptions) => {
      await using client = clientOf(options, io);
      const list = (await client.get('/v1/mcp/server')) as readonly Server[];
      if (options.json === true) io.stdout.write(`${JSON.stringify(list, null, 2)}\n`);
      else
        io.stdout.write(
          table(
            ['NAME', 'STATE', 'FOR', 'TRANSPORT', 'REVISION', 'TOOLS', 'NOTES'],
            list.map((server) => row(server, io.now())),
          ),
        );
    });
  withClientOptions(
    servers
      .command('show')
      .argument('<name>', 'name or alias')
      .description(
        'Everything about one server: state, transport found, findings with the line to change, last words on stderr.',
      ),
  )
    .addHelpText('after', '\nExample:\n  lanport servers show db')
    .action(async (name: string, options: ClientOptions) => {
      await using client = clientOf(options, io);
      const server = (await client.get(`/v1/mcp/server/${encodeURIComponent(name)}`)) as Server;
      io.stdout.write(options.json === true ? `${JSON.stringify(server, null, 2)}\n` : describe(server));
    });
  withClientOptions(
    servers
      .command('restart')
      .argument('<name>', 'name or alias')
      .description(
        'Ends a server and starts it anew; waits for the outcome. Exits with 1 when it did not come back.',
      ),
  )
    .addHelpText('after', '\nExample:\n  lanport servers restart db')
    .action(async (name: string, options: ClientOptions) => {
      await using client = clientOf(options, io);
      const server = (await client.post(`/v1/mcp/server/${encodeURIComponent(name)}/restart`)) as Server;
      const isBack = server.state === 'ready';
      if (options.json === true) io.stdout.write(`${JSON.stringify(server, null, 2)}\n`);
      else
        io.stdout.write(
          isBack
            ? `${server.name} is ready: ${server.tools} tools.\n`
            : `${server.name} is ${server.state}: ${server.reason ?? 'no reason is known'}\nlanport servers logs ${server.name} shows what it said.\n`,
        );
      if (!isBack) io.exit(1);
    });
  withClientOptions(
    servers
      .command('logs')
      .argument('<name>', 'name or alias')
      .description('What happened to one server lately, and the end of what it wrote to stderr.'),
  )
    .addHelpText('after', '\nExample:\n  lanport servers logs db')
    .action(async (name: string, options: ClientOptions) => {
      await using client = clientOf(options, io);
      const server = (await client.get(`/v1/mcp/server/${encodeURIComponent(name)}`)) as Server;
      const { history, stderr } = server;
      if (options.json === true) io.stdout.write(`${JSON.stringify({ history, stderr }, null, 2)}\n`);
      else {
        const events = history.map(
          ({ at, state, reason }) => `${at}  ${state}${reason === undefined ? '' : `  ${reason}`}\n`,
        );
        io.stdout.write(`${events.join('')}${stderr === undefined ? '' : `\nstderr:\n${stderr}\n`}`);
      }
    });
}

function row(server: Server, now: number): string[] {
  const notes = [server.reason, ...server.findings.map((finding) => finding.fix ?? finding.code)]
    .filter((note) => note !== undefined)
    .join('; ');
  return [
    server.name,
    server.state,
    ago(server.since, now),
    server.transport ?? server.declaredTransport,
    server.revision ?? '-',
    String(server.tools),
    notes.slice(0, 120),
  ];
}

function describe(server: Server): string {
  const lines: [string, string | undefined][] = [
    ['Name', server.alias === undefined ? server.name : `${server.name} (alias ${server.alias})`],
    ['State', `${server.state} since ${server.since}`],
    ['Reason', server.reason],
    ['Declared', server.declaredTransport],
    [
      'Found',
      server.transport === undefined
        ? undefined
        : `${server.transport}${server.revision === undefined ? '' : `, protocol ${server.revision}`}`,
    ],
    ['Address', server.url],
    ['Process', server.pid === undefined ? undefined : String(server.pid)],
    ['Starts', String(server.starts)],
    ['In flight', `${server.inFlight}${server.waiting > 0 ? `, ${server.waiting} waiting` : ''}`],
    [
      'Isolation',
      server.isolation === 'shared'
        ? undefined
        : `${server.isolation}, ${server.isolatedConnections} connections`,
    ],
    ['Prompts', server.prompts > 0 ? String(server.prompts) : undefined],
    [
      'Resources',
      server.resources + server.resourceTemplates > 0
        ? `${server.resources}, ${server.resourceTemplates} templates`
        : undefined,
    ],
    ['Tools', `${server.tools}${server.toolsReadAt === undefined ? '' : `, read ${server.toolsReadAt}`}`],
    ...(server.toolNames ?? []).map((name): [string, string] => ['', name]),
  ];
  const text = lines
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name.padEnd(10)} ${value}\n`)
    .join('');
  const findings = server.findings
    .map(
      (finding) =>
        `\nFinding: ${finding.code}\n  ${finding.text}\n${finding.fix === undefined ? '' : `  Change: ${finding.fix}\n`}`,
    )
    .join('');
  return `${text}${findings}${server.stderr === undefined ? '' : `\nLast words on stderr:\n${server.stderr}\n`}`;
}
