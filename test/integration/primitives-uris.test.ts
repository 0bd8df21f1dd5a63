import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LegacyRaw, ModernRaw } from '../support/scripted/raw-client.ts';
import type { TestGateway } from '../support/gateway.ts';
import { gatewayFor } from '../support/scripted/gateway.ts';
import {
  type Json,
  type Message,
  type ScriptedServer,
  startScripted,
} from '../support/scripted/scripted-server.ts';
import { verifies } from '../support/verifies.ts';

const FILE = 'file:///README.md';
const TEMPLATE = 'note://{id}/text';
const PANEL = 'ui://panel/index.html';

/** What every server offers alike: the same file, the same template, the same panel. */
const offer = () => ({
  tools: [
    {
      name: 'show',
      inputSchema: { type: 'object' },
      _meta: { ui: { resourceUri: PANEL, csp: {} }, 'ui/resourceUri': PANEL },
    },
  ],
  prompts: [{ name: 'tell' }],
  resources: [
    { uri: FILE, name: 'readme' },
    { uri: PANEL, name: 'panel', mimeType: 'text/html;profile=mcp-app' },
    { uri: 'urn:odd', name: 'without an authority' },
  ],
  templates: [{ uriTemplate: TEMPLATE, name: 'note' }],
});

const KINDS = { first: 'stdio', my_db: 'http', 'my-db': 'modern', third: 'modern-stdio' } as const;
type Name = keyof typeof KINDS;
const NAMES = Object.keys(KINDS) as Name[];
const servers = new Map<Name, ScriptedServer>();
let gateway: TestGateway;

beforeAll(async () => {
  for (const name of NAMES) servers.set(name, await startScripted(KINDS[name], { offer: offer() }));
  gateway = await gatewayFor(Object.fromEntries(servers));
});

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await Promise.all([...servers.values()].map((server) => server[Symbol.asyncDispose]()));
});

const RAW = {
  'a client of 2025-11-25': () => LegacyRaw.open(gateway),
  'a client of 2026-07-28': () => Promise.resolve(new ModernRaw(gateway)),
};

interface Client {
  ask(method: string, params?: Json): Promise<Message>;
}

type Listed = Readonly<Record<string, unknown>> & { readonly uri: string; readonly uriTemplate: string };

async function listed(client: Client, method: string, member: string): Promise<Listed[]> {
  return (await client.ask(method)).result?.[member] as Listed[];
}

/** URIs as the client knows them, by server: each server lists the same ones, in the order of the configuration. */
async function known(
  client: Client,
): Promise<Record<Name, { file: string; panel: string; urn: string; template: string }>> {
  const resources = await listed(client, 'resources/list', 'resources');
  const templates = await listed(client, 'resources/templates/list', 'resourceTemplates');
  return Object.fromEntries(
    NAMES.map((name, at) => [
      name,
      {
        file: resources[at * 3]!.uri,
        panel: resources[at * 3 + 1]!.uri,
        urn: resources[at * 3 + 2]!.uri,
        template: templates[at]!.uriTemplate,
      },
    ]),
  ) as Record<Name, { file: string; panel: string; urn: string; template: string }>;
}

/** Asks; the server of that name must hear it, and answers. */
async function through(
  client: Client,
  name: Name,
  method: string,
  params: Json,
  result: unknown,
): Promise<{ heard: Json; result: Json }> {
  const [heard, reply] = await Promise.all([
    servers
      .get(name)!
      .next(method)
      .then((said) => {
        said.reply(result);
        return said.message;
      }),
    client.ask(method, params),
  ]);
  expect(reply.error).toBeUndefined();
  return { heard: heard.params!, result: reply.result! };
}

describe.each(Object.entries(RAW))('%s of four servers with the same URIs', (_name, open) => {
  it('is offered each of them under a URI of its own; the first one keeps what its server says', async () => {
    verifies('mcp:uris');
    const uris = await known(await open());
    expect(uris.first).toEqual({ file: FILE, panel: PANEL, urn: 'urn:odd', template: TEMPLATE });
    expect(uris.third).toEqual({
      file: `third+${FILE}`,
      panel: 'ui://third+panel/index.html',
      urn: 'third+urn:odd',
      template: `third+${TEMPLATE}`,
    });
    const all = NAMES.flatMap((name) => Object.values(uris[name]));
    expect(new Set(all).size).toBe(all.length);
    for (const uri of all) expect(uri).toMatch(/^[a-z][a-z0-9+.-]*:/);
  });

  it.each(NAMES)(
    'reads each from the server that listed it, here %s, and is answered in its words',
    async (name) => {
      verifies('mcp:uris');
      const client = await open();
      const uris = (await known(client))[name];
      for (const [mine, theirs] of [
        [uris.file, FILE],
        [uris.panel, PANEL],
        [uris.urn, 'urn:odd'],
        [uris.template.replace('{id}', '7'), 'note://7/text'],
      ] as const) {
        const contents = [
          { uri: theirs, text: 'x' },
          { uri: `${theirs}#part`, text: 'y' },
        ];
        const { heard, result } = await through(client, name, 'resources/read', { uri: mine }, { contents });
        expect(heard['uri']).toBe(theirs);
        const [whole, part] = result['contents'] as Listed[];
        expect(whole).toEqual({ uri: mine, text: 'x' });
        // What is not listed anywhere leads back to the same server, too.
        const again = await through(client, name, 'resources/read', { uri: part!.uri }, { contents: [] });
        expect(again.heard['uri']).toBe(`${theirs}#part`);
      }
    },
  );

  it.each(NAMES)('follows links and embedded resources in results and prompts of %s', async (name) => {
    verifies('mcp:uris');
    const client = await open();
    const uris = (await known(client))[name];
    const pieces = [
      { type: 'resource_link', uri: FILE, name: 'readme' },
      { type: 'resource_link', uri: 'made://up', name: 'of no list' },
      { type: 'resource', resource: { uri: 'note://9/text', text: 'embedded' } },
      { type: 'text', text: FILE },
    ];
    const ui = { ui: { resourceUri: PANEL }, 'ui/resourceUri': PANEL };
    const call = await through(
      client,
      name,
      'tools/call',
      { name: `${name}-show` },
      { content: pieces, _meta: ui },
    );
    const [link, other, embedded, text] = call.result['content'] as (Listed & { resource: Listed })[];
    expect(link!.uri).toBe(uris.file);
    expect(embedded!.resource.uri).toBe(uris.template.replace('{id}', '9'));
    expect(text).toEqual({ type: 'text', text: FILE });
    expect(call.result['_meta']).toMatchObject({
      ui: { resourceUri: uris.panel },
      'ui/resourceUri': uris.panel,
    });
    const followed = await through(client, name, 'resources/read', { uri: other!.uri }, { contents: [] });
    expect(followed.heard['uri']).toBe('made://up');
    const messages = pieces.map((content) => ({ role: 'user', content }));
    const prompt = await through(client, name, 'prompts/get', { name: `${name}-tell` }, { messages });
    const contents = (prompt.result['messages'] as { content: Listed & { resource: Listed } }[]).map(
      (one) => one.content,
    );
    expect(contents.map((one) => one.uri ?? one.resource?.uri)).toEqual([
      uris.file,
      other!.uri,
      uris.template.replace('{id}', '9'),
      undefined,
    ]);
  });

  it.each(NAMES)('completes by the template that %s was listed with', async (name) => {
    verifies('mcp:uris');
    const client = await open();
    const { template, file } = (await known(client))[name];
    const argument = { name: 'id', value: '' };
    const completion = { completion: { values: [] } };
    for (const [mine, theirs] of [
      [template, TEMPLATE],
      [file, FILE],
    ] as const) {
      const params = { ref: { type: 'ref/resource', uri: mine }, argument };
      const { heard } = await through(client, name, 'completion/complete', params, completion);
      expect(heard).toMatchObject({ ref: { type: 'ref/resource', uri: theirs }, argument });
    }
  });

  it.each(NAMES)(
    'is given an MCP App of %s that it can open: the tool names the panel as it is listed',
    async (name) => {
      verifies('mcp:apps');
      const client = await open();
      const tools = await listed(client, 'tools/list', 'tools');
      const tool = tools.find((one) => one['name'] === `${name}-show`)!;
      const meta = tool['_meta'] as { ui: { resourceUri: string; csp: unknown }; 'ui/resourceUri': string };
      const resources = await listed(client, 'resources/list', 'resources');
      const panel = resources.find((one) => one.uri === meta.ui.resourceUri)!;
      expect(panel).toMatchObject({ name: 'panel', mimeType: 'text/html;profile=mcp-app' });
      expect(meta['ui/resourceUri']).toBe(meta.ui.resourceUri);
      expect(meta.ui.resourceUri).toMatch(/^ui:\/\/[^/]+\/index\.html$/);
      expect(meta.ui.csp).toEqual({});
      const html = { uri: PANEL, mimeType: 'text/html;profile=mcp-app', text: '<p>' };
      const read = await through(client, name, 'resources/read', { uri: panel.uri }, { contents: [html] });
      expect(read.heard['uri']).toBe(PANEL);
      expect(read.result['contents']).toEqual([{ ...html, uri: panel.uri }]);
    },
  );
});

describe('subscriptions to the same URI of several servers', () => {
  it.each(NAMES)('of %s: a client of 2025-11-25 subscribes, and hears, in its own words', async (name) => {
    verifies('mcp:uris');
    const server = servers.get(name)!;
    const client = await LegacyRaw.open(gateway);
    using stream = await client.listen();
    const { file } = (await known(client))[name];
    expect((await client.ask('resources/subscribe', { uri: file })).error).toBeUndefined();
    const method = KINDS[name].startsWith('modern') ? 'subscriptions/listen' : 'resources/subscribe';
    const asked = await server.next(method, ({ text }) => text.includes(FILE));
    expect(asked.text).not.toContain(`+${FILE}`);
    server.announce('notifications/resources/updated', { uri: FILE, title: 'kept' });
    const { params } = await stream.message((one) => one.method === 'notifications/resources/updated');
    expect(params).toEqual({ uri: file, title: 'kept' });
  });

  it.each(NAMES)('of %s: a client of 2026-07-28 listens, and hears, in its own words', async (name) => {
    verifies('mcp:uris');
    const server = servers.get(name)!;
    const client = new ModernRaw(gateway);
    const { file } = (await known(client))[name];
    const before = server.said.length;
    using stream = await client.send(
      'subscriptions/listen',
      { notifications: { resourceSubscriptions: [file] } },
      {},
      'mine',
    );
    const ack = await stream.message(() => true);
    expect(ack.params).toMatchObject({ notifications: { resourceSubscriptions: [file] } });
    const method = KINDS[name].startsWith('modern') ? 'subscriptions/listen' : 'resources/subscribe';
    if (
      server.said.slice(0, before).every((one) => !one.text.includes(FILE) || one.message.method !== method)
    )
      await server.next(method, ({ text }) => text.includes(FILE));
    server.announce('notifications/resources/updated', { uri: FILE });
    const { params } = await stream.message((one) => one.method === 'notifications/resources/updated');
    expect(params).toEqual({ uri: file, _meta: { 'io.modelcontextprotocol/subscriptionId': 'mine' } });
  });
});
