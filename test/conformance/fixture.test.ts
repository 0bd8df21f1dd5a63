import { join } from 'node:path';
import { Client as ModernClient } from '@modelcontextprotocol/client';
import { StdioClientTransport as ModernStdio } from '@modelcontextprotocol/client/stdio';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import {
  ElicitRequestSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { expect, it } from 'vitest';
import { ROOT } from '../support/process.ts';

// What the suite does not look at, or cannot: it does not speak over stdio.

const INFO = { name: 'fixture-test', version: '1.0.0' };
const command = (...args: string[]) => ({
  command: process.execPath,
  args: [join(ROOT, 'test/support/upstreams/conformance/main.ts'), ...args],
});

interface Connected extends AsyncDisposable {
  readonly client: Client;
}

async function legacy(...args: string[]): Promise<Connected> {
  const client = new Client(INFO, { capabilities: { elicitation: { form: {} } } });
  await client.connect(new StdioClientTransport(command(...args)));
  return { client, [Symbol.asyncDispose]: () => client.close() };
}

/** Names of everything that a server lists. */
async function everything(client: Client): Promise<string[]> {
  const { tools } = await client.listTools();
  const { prompts } = await client.listPrompts();
  const { resources } = await client.listResources();
  const { resourceTemplates } = await client.listResourceTemplates();
  return [
    ...tools.map(({ name }) => name),
    ...prompts.map(({ name }) => name),
    ...resources.map(({ uri }) => uri),
    ...resourceTemplates.map(({ uriTemplate }) => uriTemplate),
  ];
}

it('has two parts that share nothing and together are the whole', async () => {
  await using all = await legacy('stdio-legacy');
  await using a = await legacy('stdio-legacy', '--part', 'a');
  await using b = await legacy('stdio-legacy', '--part', 'b');
  const halves = [await everything(a.client), await everything(b.client)];
  expect(halves.flat().sort()).toEqual((await everything(all.client)).sort());
  expect(new Set(halves.flat()).size).toBe(halves.flat().length);
  for (const half of halves)
    for (const kind of [/^test_.*(content|text|elicitation)/, /prompt/, /^test:/])
      expect(half.some((name) => kind.test(name))).toBe(true);
});

it('names its questions on a legacy connection, and never the same name twice', async () => {
  await using connected = await legacy('stdio-legacy');
  const ids: unknown[] = [];
  connected.client.setRequestHandler(ElicitRequestSchema, (_request, extra) => {
    ids.push(extra.requestId);
    return { action: 'accept', content: { name: 'Ada' } };
  });
  for (let round = 0; round < 2; round += 1)
    expect(await connected.client.callTool({ name: 'test_input_required_result_elicitation' })).toMatchObject(
      { content: [{ text: 'Hello, Ada!' }] },
    );
  expect(ids).toEqual(['user_name', 'user_name-2']);
});

it('tells legacy clients of changes that they can see', async () => {
  await using connected = await legacy('stdio-dual');
  const { client } = connected;
  const told = new Promise((resolve) => {
    client.setNotificationHandler(ToolListChangedNotificationSchema, resolve);
  });
  await client.callTool({ name: 'test_trigger_tool_change' });
  await told;
  expect((await client.listTools()).tools.map(({ name }) => name)).toContain('test_passing_tool');

  const updated = new Promise<string>((resolve) => {
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => resolve(params.uri));
  });
  await client.subscribeResource({ uri: 'test://watched-resource' });
  await client.callTool({ name: 'test_trigger_resource_update' });
  expect(await updated).toBe('test://watched-resource');
});

it('speaks the modern era over stdio: questions as results, and changes to who listens', async () => {
  const client = new ModernClient(INFO, {
    capabilities: { elicitation: { form: {} }, sampling: {}, roots: {} },
    versionNegotiation: { mode: { pin: '2026-07-28' } },
  });
  client.setRequestHandler('elicitation/create', ({ params }) => ({
    action: 'accept',
    content: (params as { message: string }).message.startsWith('Step 1')
      ? { name: 'Ada' }
      : { color: 'red' },
  }));
  await client.connect(new ModernStdio(command('stdio-dual')));
  try {
    expect(
      await client.callTool({ name: 'test_input_required_result_multi_round', arguments: {} }),
    ).toMatchObject({
      content: [{ text: 'Ada likes red' }],
    });
    const told = new Promise((resolve) => {
      client.setNotificationHandler('notifications/tools/list_changed', resolve);
    });
    await client.listen({ toolsListChanged: true });
    await client.callTool({ name: 'test_trigger_tool_change', arguments: {} });
    await told;
  } finally {
    await client.close();
  }
});
