import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, type HttpAnswer } from '../support/http.ts';
import { rowsOf } from '../support/limited.ts';
import { ROOT } from '../support/process.ts';
import { serversSettled } from '../support/servers.ts';
import { verifies } from '../support/verifies.ts';

const NODE_2025 = join(ROOT, 'test/support/upstreams/stdio-2025.ts');
const CONFORMANCE = join(ROOT, 'test/support/upstreams/conformance/main.ts');
const ONE = 'sk-one-0123456789abcdef';
const PACED = 'sk-paced-0123456789abcdef';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({
    config: configWith(
      {
        tools: { command: process.execPath, args: [NODE_2025], alias: 'kit' },
        twin: { command: process.execPath, args: [NODE_2025] },
        modern: { command: process.execPath, args: [CONFORMANCE, 'stdio-dual'] },
        dead: { command: process.execPath, args: ['-e', 'process.exit(3)'] },
      },
      {
        virtual_keys: [
          { api_key: ONE, key_alias: 'one', mcp_servers: ['tools', 'dead'] },
          { api_key: PACED, key_alias: 'paced', mcp_servers: ['tools'], rpm_limit: 1 },
        ],
      },
    ),
  });
  await serversSettled(gateway);
}, 60_000);

afterAll(() => gateway?.[Symbol.asyncDispose]());

function list(key: string | undefined, query = ''): Promise<HttpAnswer> {
  return http(`${gateway.url}/mcp-rest/tools/list${query}`, {
    headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
  });
}

function call(key: string, body: object | string): Promise<HttpAnswer> {
  return http(`${gateway.url}/mcp-rest/tools/call`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

interface Listing {
  readonly tools: readonly { readonly name: string; readonly mcp_info: { readonly server_name: string } }[];
  readonly error: string | null;
  readonly message: string;
}

it('lists the tools that a key sees under the names of their servers, each with its server', async () => {
  verifies('rest:list');
  const listed = (await list(ONE)).json<Listing>();
  expect(listed).toMatchObject({ error: null, message: 'Successfully retrieved tools' });
  expect(
    listed.tools.map(({ name, mcp_info: { server_name: server } }) => `${server}/${name}`).sort(),
  ).toEqual(['tools/echo', 'tools/fail', 'tools/pid', 'tools/structured']);
  // The definition is passed on whole.
  expect(listed.tools.find(({ name }) => name === 'structured')).toMatchObject({
    outputSchema: { type: 'object' },
    annotations: { readOnlyHint: true },
  });
  for (const id of ['twin', 'kit'])
    expect((await list(MASTER_KEY, `?server_id=${id}`)).json<Listing>().tools).toHaveLength(4);
  const nobody = await list(undefined);
  expect(nobody.status).toBe(401);
});

it('says in a list which server is not there, and which one does not answer', async () => {
  verifies('rest:list');
  const unknown = await list(ONE, '?server_id=zzz');
  expect(unknown.status).toBe(200);
  expect(unknown.json()).toEqual({
    tools: [],
    error: 'server_not_found',
    message: 'Server with id zzz not found',
  });
  // One that is not for this key looks no different.
  expect((await list(ONE, '?server_id=twin')).json()).toMatchObject({ error: 'server_not_found' });
  const dead = (await list(ONE, '?server_id=dead')).json<Listing>();
  expect(dead).toMatchObject({ tools: [], error: 'server_error' });
  expect(dead.message).toMatch(/^Failed to get tools from server dead: /);
});

it('calls a tool: with server_id the whole result is answered, without it the blocks of its content', async () => {
  verifies('rest:call');
  const blocks = await call(ONE, { name: 'echo', arguments: { text: 'hi' } });
  expect(blocks.status).toBe(200);
  expect(blocks.json()).toEqual([{ type: 'text', text: 'hi' }]);
  const whole = await call(ONE, { server_id: 'kit', name: 'structured', arguments: {} });
  expect(whole.json()).toEqual({
    content: [{ type: 'text', text: '{"rows":[[1]]}', annotations: { audience: ['user'] } }],
    structuredContent: { rows: [[1, null, 'ü', { deep: [true] }]] },
    _meta: { 'example.com/trace': 'kept' },
  });
  // The name that /mcp lists does as well.
  expect((await call(MASTER_KEY, { name: 'twin-echo', arguments: { text: 'x' } })).json()).toEqual([
    { type: 'text', text: 'x' },
  ]);
  expect((await call(ONE, { server_id: 'tools', name: 'fail', arguments: {} })).json()).toEqual({
    content: [{ type: 'text', text: 'it went wrong on purpose' }],
    isError: true,
  });
  const rows = await rowsOf(gateway, 'one');
  expect(rows.filter(({ originalName }) => originalName === 'echo')).toMatchObject([
    { operation: 'tools/call', server: 'tools', status: 'ok', decision: 'allowed' },
  ]);
});

it('calls a tool whose arguments a client of MCP repeats in headers, which a REST client does not', async () => {
  verifies('rest:call');
  const answer = await call(MASTER_KEY, {
    server_id: 'modern',
    name: 'test_x_mcp_header',
    arguments: { region: 'eu', level: 2 },
  });
  expect(answer.json()).toMatchObject({ content: [{ type: 'text', text: 'region=eu' }] });
});

it("refuses in LiteLLM's words what cannot be called, and says what is wrong", async () => {
  verifies('rest:call');
  const refused = async (body: object | string, key = ONE): Promise<unknown> => {
    const { status, text } = await call(key, body);
    return { status, ...(JSON.parse(text) as object) };
  };
  expect(await refused({ name: 'echo' })).toEqual({ status: 400, detail: 'Request arguments are required' });
  expect(await refused({ arguments: {} })).toEqual({ status: 400, detail: 'Request name is required' });
  expect(await refused({ name: 'nope', arguments: {} })).toEqual({
    status: 404,
    detail: "Tool 'nope' not found",
  });
  expect(await refused({ name: 'twin-echo', arguments: {} })).toEqual({
    status: 404,
    detail: "Tool 'twin-echo' not found",
  });
  expect(await refused({ name: 'echo', arguments: [1] })).toMatchObject({
    status: 400,
    detail: 'Request arguments must be an object',
  });
  expect(await refused({ server_id: 7, name: 'echo', arguments: {} })).toMatchObject({
    status: 400,
    detail: 'Request server_id must be a string',
  });
  expect(await refused({ server_id: 'twin', name: 'echo', arguments: {} })).toMatchObject({
    status: 404,
    detail: { error: 'server_not_found' },
  });
  expect(await refused('{"name": ')).toMatchObject({
    status: 400,
    detail: expect.stringMatching(/^The body must be a JSON object with name, arguments/),
  });
  // On two servers, and nobody said on which.
  expect(await refused({ name: 'echo', arguments: {} }, MASTER_KEY)).toMatchObject({
    status: 400,
    detail: { error: 'tool-ambiguous', message: expect.stringContaining('twin-echo') },
  });
  expect((await http(`${gateway.url}/mcp-rest/tools/call`)).status).toBe(405);
});

it('answers 429 over a limit, with the time to wait', async () => {
  verifies('rest:call');
  expect((await call(PACED, { name: 'echo', arguments: { text: 'a' } })).status).toBe(200);
  const second = await call(PACED, { name: 'echo', arguments: { text: 'b' } });
  expect(second.status).toBe(429);
  expect(Number(second.headers['retry-after'])).toBeGreaterThan(0);
  expect(second.json()).toMatchObject({ detail: { error: 'limit-reached' } });
});
