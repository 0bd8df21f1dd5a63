import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LegacyRaw, ModernRaw } from '../support/scripted/raw-client.ts';
import { sdkV1, sdkV2 } from '../support/clients/sdk-clients.ts';
import type { TestGateway } from '../support/gateway.ts';
import { gatewayFor } from '../support/scripted/gateway.ts';
import {
  type Message,
  type ScriptedKind,
  type ScriptedServer,
  startScripted,
} from '../support/scripted/scripted-server.ts';
import { verifies } from '../support/verifies.ts';

const PAGED = 5;
const range = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

/** Seven of everything, two on a page, with members that nobody knows. */
const offer = (name: string) => ({
  pageSize: 2,
  tools: range(PAGED).map((n) => ({ name: `tool${n}`, inputSchema: { type: 'object' }, 'x-new': [n, null] })),
  prompts: [
    ...range(PAGED).map((n) => ({ name: `prompt${n}`, title: `${name} ${n}`, icons: [{ src: 'data:,' }] })),
    { name: 'shared', arguments: [{ name: 'city' }] },
    { name: `only ${name}` },
  ],
  resources: range(PAGED).map((n) => ({ uri: `${name}://item/${n}`, name: `item${n}`, size: 12 })),
  templates: range(PAGED).map((n) => ({ uriTemplate: `${name}://t${n}/{id}`, name: `template${n}` })),
});

const KINDS = ['stdio', 'http', 'sse', 'modern', 'modern-stdio'] as const satisfies readonly ScriptedKind[];
const servers = new Map<string, ScriptedServer>();
const nameOf = (kind: ScriptedKind): string => kind.replaceAll('-', '');
let gateway: TestGateway;

beforeAll(async () => {
  for (const kind of KINDS)
    servers.set(nameOf(kind), await startScripted(kind, { offer: offer(nameOf(kind)) }));
  gateway = await gatewayFor(Object.fromEntries(servers));
});

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await Promise.all([...servers.values()].map((server) => server[Symbol.asyncDispose]()));
});

const NAMES = KINDS.map(nameOf);

/** What any kind of client asks. */
const CLIENTS = {
  'the SDK of 2025-11-25': async () => {
    await using client = await sdkV1(gateway);
    return {
      prompts: (await client.listPrompts()).prompts,
      resources: (await client.listResources()).resources,
      templates: (await client.listResourceTemplates()).resourceTemplates,
    };
  },
  'the SDK of 2026-07-28': async () => {
    await using client = await sdkV2(gateway);
    return {
      prompts: (await client.listPrompts()).prompts,
      resources: (await client.listResources()).resources,
      templates: (await client.listResourceTemplates()).resourceTemplates,
    };
  },
};

describe.each(Object.entries(CLIENTS))('%s', (_name, lists) => {
  it('sees every page of the prompts, resources and templates of servers of every kind', async () => {
    verifies('mcp:primitives');
    const { prompts, resources, templates } = await lists();
    expect(prompts.map((prompt) => prompt.name)).toEqual(
      NAMES.flatMap((name) => [
        ...range(PAGED).map((n) => `${name}-prompt${n}`),
        `${name}-shared`,
        expect.stringMatching(new RegExp(`^${name}-only_${name}_[0-9a-f]{8}$`)) as unknown as string,
      ]),
    );
    expect(prompts[0]).toMatchObject({ title: `${NAMES[0]} 0`, icons: [{ src: 'data:,' }] });
    expect(resources.map((resource) => resource.uri)).toEqual(
      NAMES.flatMap((name) => range(PAGED).map((n) => `${name}://item/${n}`)),
    );
    expect(templates.map((template) => template.uriTemplate)).toEqual(
      NAMES.flatMap((name) => range(PAGED).map((n) => `${name}://t${n}/{id}`)),
    );
  });
});

/** Both eras, as raw clients. */
const RAW = {
  'a client of 2025-11-25': (scope?: string) => LegacyRaw.open(gateway, scope === undefined ? {} : { scope }),
  'a client of 2026-07-28': (scope?: string) =>
    Promise.resolve(new ModernRaw(gateway, scope === undefined ? {} : { scope })),
};

describe.each(Object.entries(RAW))('%s', (_name, open) => {
  /** Asks, answers on the server that is expected to hear it, and gives back both. */
  const through = async (
    kind: ScriptedKind,
    method: string,
    params: Readonly<Record<string, unknown>>,
    result: unknown,
    scope?: string,
  ): Promise<{ heard: Message; reply: Message }> => {
    const client = await open(scope);
    const [heard, reply] = await Promise.all([
      servers
        .get(nameOf(kind))!
        .next(method)
        .then((said) => {
          said.reply(result);
          return said.message;
        }),
      client.ask(method, params),
    ]);
    return { heard, reply };
  };

  it.each(KINDS)('gets a prompt of a %s server by its prefixed name, its arguments as sent', async (kind) => {
    verifies('mcp:primitives');
    const result = {
      messages: [{ role: 'user', content: { type: 'text', text: 'hi' } }],
      _meta: { 'x.y/z': 1 },
    };
    const args = { city: 'Köln', big: '12345678901234567890' };
    const prefixed = await through(
      kind,
      'prompts/get',
      { name: `${nameOf(kind)}-shared`, arguments: args },
      result,
    );
    expect(prefixed.heard.params).toMatchObject({ name: 'shared', arguments: args });
    expect(prefixed.reply.result).toMatchObject(result);
    const alone = await through(kind, 'prompts/get', { name: 'shared' }, result, `/${nameOf(kind)}/mcp`);
    expect(alone.heard.params?.['name']).toBe('shared');
  });

  it('gets a prompt without its prefix when only one server has it', async () => {
    const { heard } = await through('http', 'prompts/get', { name: 'only http' }, { messages: [] });
    expect(heard.params?.['name']).toBe('only http');
  });

  it('is refused an unknown prompt and an ambiguous one, with the candidates', async () => {
    verifies('mcp:primitives');
    const client = await open();
    const unknown = await client.ask('prompts/get', { name: 'nothing' });
    expect(unknown.error).toMatchObject({
      code: -32602,
      message: expect.stringContaining('Unknown prompt "nothing"'),
    });
    const ambiguous = await client.ask('prompts/get', { name: 'shared' });
    expect(ambiguous.error?.code).toBe(-32602);
    for (const name of NAMES) expect(ambiguous.error?.message).toContain(`${name}-shared`);
  });

  it('is refused a resource that no server has, with its URI', async () => {
    verifies('mcp:primitives');
    const client = await open();
    const reply = await client.ask('resources/read', { uri: 'nowhere://x' });
    expect(reply.error).toMatchObject({ code: -32602, data: { uri: 'nowhere://x' } });
    const ref = { type: 'ref/resource', uri: 'nowhere://{x}' };
    const completion = await client.ask('completion/complete', { ref, argument: { name: 'x', value: '' } });
    expect(completion.error?.code).toBe(-32602);
    const odd = await client.ask('completion/complete', { ref: { type: 'ref/tool' }, argument: {} });
    expect(odd.error?.code).toBe(-32602);
  });

  it.each(KINDS)('completes arguments of a prompt and of a template of a %s server', async (kind) => {
    verifies('mcp:primitives');
    const name = nameOf(kind);
    const argument = { name: 'city', value: 'K' };
    const context = { arguments: { country: 'de' } };
    const result = { completion: { values: ['Köln'], total: 1, hasMore: false } };
    const byPrompt = { ref: { type: 'ref/prompt', name: `${name}-shared` }, argument, context };
    const prompt = await through(kind, 'completion/complete', byPrompt, result);
    expect(prompt.heard.params).toMatchObject({
      ref: { type: 'ref/prompt', name: 'shared' },
      argument,
      context,
    });
    expect(prompt.reply.result).toMatchObject(result);
    const uri = `${name}://t3/{id}`;
    const byTemplate = { ref: { type: 'ref/resource', uri }, argument, context };
    const template = await through(kind, 'completion/complete', byTemplate, result);
    expect(template.heard.params).toMatchObject({ ref: { type: 'ref/resource', uri }, argument, context });
  });

  it.each(KINDS)('reads listed resources, and unlisted ones by template, of a %s server', async (kind) => {
    verifies('mcp:primitives');
    const name = nameOf(kind);
    for (const uri of [`${name}://item/4`, `${name}://t4/some%20id`]) {
      const contents = [{ uri, mimeType: 'text/plain', text: 'x' }];
      const { heard, reply } = await through(kind, 'resources/read', { uri }, { contents });
      expect(heard.params?.['uri']).toBe(uri);
      expect(reply.result).toMatchObject({ contents: [{ uri, text: 'x' }] });
    }
  });

  it('is refused a cursor, since every list has one page', async () => {
    const client = await open();
    for (const list of ['prompts/list', 'resources/list', 'resources/templates/list', 'tools/list']) {
      const reply = await client.ask(list, { cursor: '1' });
      expect(reply.error?.code).toBe(-32602);
      expect((await client.ask(list)).result).not.toHaveProperty('nextCursor');
    }
  });
});
