// node bench/postgres/tokens.ts: what the tools cost a model in tokens, beside other servers; writes docs/reference/postgres-tokens.md.
import { createRequire } from 'node:module';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { installPeers } from '../install-peers.ts';
import { startDemoDatabase } from './demo-database.ts';
import { QUESTIONS, type ServerName } from './token-questions.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const TABLE = join(ROOT, 'docs', 'reference', 'postgres-tokens.md');

interface Costs {
  readonly title: string;
  readonly tools: number;
  readonly list: number;
  /** With output schemas, titles and annotations. */
  readonly whole: number;
  readonly answers: readonly (number | string)[];
}

const installed = await installPeers('tokens', [
  'gpt-tokenizer',
  '@bytebase/dbhub',
  '@modelcontextprotocol/server-postgres',
]);
if ('skipped' in installed) throw new Error(installed.skipped);
const modules = join(installed.folder, 'node_modules');
const { encode } = createRequire(join(modules, 'x.js'))('gpt-tokenizer/encoding/o200k_base') as {
  encode(text: string): readonly number[];
};
const tokens = (text: string): number => encode(text).length;
const versionOf = async (name: string): Promise<string> =>
  (JSON.parse(await readFile(join(modules, name, 'package.json'), 'utf8')) as { version: string }).version;

await using database = await startDemoDatabase();
const all: Partial<Record<ServerName, Costs>> = {
  lanport: await measure('Lanport, default tools', 'lanport', process.execPath, [
    join(ROOT, 'src', 'main.ts'),
    'postgres',
  ]),
};
// postgres-mcp has no npm package: BENCH_POSTGRES_MCP names its program, of a Python environment where it is installed.
const python = process.env['BENCH_POSTGRES_MCP'];
if (python !== undefined)
  all['postgres-mcp'] = await measure(
    `postgres-mcp ${process.env['BENCH_POSTGRES_MCP_VERSION'] ?? ''} (crystaldba)`,
    'postgres-mcp',
    python,
    ['--access-mode=restricted'],
  );
all.dbhub = await measure(`dbhub ${await versionOf('@bytebase/dbhub')}`, 'dbhub', process.execPath, [
  join(modules, '@bytebase/dbhub/dist/index.js'),
  '--transport=stdio',
  `--dsn=${database.url}?sslmode=disable`,
]);
all['server-postgres'] = await measure(
  `server-postgres ${await versionOf('@modelcontextprotocol/server-postgres')} (archived)`,
  'server-postgres',
  process.execPath,
  [join(modules, '@modelcontextprotocol/server-postgres/dist/index.js'), database.url],
);
const withAll = await measure('Lanport, --toolsets all', 'lanport', process.execPath, [
  join(ROOT, 'src', 'main.ts'),
  'postgres',
  '--toolsets',
  'all',
]);
const text = report(Object.values(all), withAll);
await writeFile(TABLE, text);
process.stdout.write(text);

async function measure(
  title: string,
  name: ServerName,
  command: string,
  args: readonly string[],
): Promise<Costs> {
  const client = new Client({ name: 'tokens', version: '1' });
  await client.connect(
    new StdioClientTransport({
      command,
      args: [...args],
      env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', DATABASE_URI: database.url },
      stderr: 'ignore',
    }),
  );
  try {
    const { tools } = await client.listTools();
    const list = tools.map(({ name: tool, description, inputSchema }) => ({
      name: tool,
      description,
      inputSchema,
    }));
    const answers: (number | string)[] = [];
    for (const { calls } of QUESTIONS) {
      const [tool, given] = calls[name];
      try {
        const { content } = (await client.callTool({ name: tool, arguments: { ...given } })) as {
          content: readonly { readonly text?: string }[];
        };
        answers.push(tokens(content.map((block) => block.text ?? '').join('\n')));
      } catch (error) {
        // The error's text is what the model gets.
        answers.push(tokens(error instanceof Error ? error.message : String(error)));
      }
    }
    return {
      title,
      tools: tools.length,
      list: tokens(JSON.stringify(list)),
      whole: tokens(JSON.stringify(tools)),
      answers,
    };
  } finally {
    await client.close();
  }
}

function report(rows: readonly Costs[], everything: Costs): string {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  const sum = ({ answers }: Costs): number => answers.reduce<number>((total, one) => total + Number(one), 0);
  return [
    '# What the PostgreSQL tools cost in tokens',
    '',
    'Made by `node bench/postgres/tokens.ts`; do not edit. Counted with `o200k_base` (gpt-tokenizer). The list of tools is what a client gives a',
    'model: name, description and input schema of each tool as JSON. An answer is the text of the result. All servers ran on the demo',
    'database as the same role; where one has no tool for a question it was asked in SQL.',
    '',
    line(['', ...rows.map(({ title }) => title)]),
    line(['---', ...rows.map(() => '--:')]),
    line(['tools', ...rows.map(({ tools }) => tools)]),
    line(['**list of tools**', ...rows.map(({ list }) => `**${list}**`)]),
    line(['list with output schemas, titles, annotations', ...rows.map(({ whole }) => whole)]),
    ...QUESTIONS.map(({ asked }, at) => line([asked, ...rows.map(({ answers }) => answers[at]!)])),
    line(['**ten answers**', ...rows.map((row) => `**${sum(row)}**`)]),
    '',
    `With \`--toolsets all\` Lanport lists ${everything.tools} tools in ${everything.list} tokens.`,
    '',
    'About 60 tokens of each answer of Lanport are the marks around the data, which the others do not have. Its description of a table has',
    'comments, foreign keys in both directions, partitions and policies; the others leave out some or all of these.',
    '',
    'postgres-mcp ran in restricted mode with pglast 7.20, as the version that it pins is not to be had.',
    '',
  ].join('\n');
}
