import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Collector, startCollector } from '../support/collector.ts';
import { MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, type HttpAnswer } from '../support/http.ts';
import { ledgerRows } from '../support/ledger-rows.ts';
import { ROOT } from '../support/process.ts';
import { verifies } from '../support/verifies.ts';

/** In every secret of this test; in upper and lower case. */
const MARK = /kanarix/i;
/** In what is no secret, to see that the search finds something. */
const SEEN = 'plainlyvisible';
const ARGUMENTS = {
  text: `${SEEN} use sk-KANARIX03aaaaaaaa and ghp_KANARIX04aaaaaaaaaaaaaaaa, Bearer KANARIX05abcdef, AKIAKANARIX123456789, AIzaKANARIX06aaaaaaaaaaaaaaaaaaaaaaaa xoxb-KANARIX07-1234`,
  password: 'KANARIX01',
  nested: { list: [{ api_key: 'KANARIX02' }], 'X-Auth-Token': ['KANARIX08'] },
  url: 'https://someone:KANARIX09@host.example/path?token=KANARIX10&x=1',
  pem: '-----BEGIN RSA PRIVATE KEY-----\nKANARIX11\nKANARIX12\n-----END RSA PRIVATE KEY-----',
  jwt: 'eyJKANARIX13aaaa.eyJKANARIX14.KANARIX15',
  sql: "select * from people where name = 'KANARIX16' and note = $x$KANARIX17$x$ -- KANARIX18",
  inner: '{"client_secret":"KANARIX19","note":"password=KANARIX20"}',
  ssn: 'KANARIX21',
  number: 'ACME-1234-KANARIX22',
  curl: "curl -H 'Authorization: Basic KANARIX23=' -H 'Cookie: a=KANARIX24; b=KANARIX25'",
};
const ANSWER = `${SEEN} the token is sk-KANARIX40abcdefgh, password: KANARIX41 and nothing else.`;

let gateway: TestGateway;
let backup: Buffer;
let echoed: string;
let collector: Collector;

function ask(path: string, body: unknown, headers: Record<string, string> = {}): Promise<HttpAnswer> {
  return http(`${gateway.url}${path}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${MASTER_KEY}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify(body),
  });
}

function call(name: string, args: unknown, headers: Record<string, string> = {}): Promise<HttpAnswer> {
  return ask(
    '/mcp',
    { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } },
    headers,
  );
}

beforeAll(async () => {
  collector = await startCollector();
  gateway = await startGateway({
    env: {
      LANPORT_TEST_SECRET: 'wholly-KANARIX50-unknown',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    },
    config: {
      general_settings: { master_key: MASTER_KEY, log_level: 'debug' },
      ledger: {
        levels: [{ level: 'response' }],
        redact: { names: ['SSN'], patterns: ['ACME-####-*'] },
      },
      mcp_servers: {
        tools: {
          command: process.execPath,
          args: [`${ROOT}/test/support/upstreams/stdio-2025.ts`],
        },
        broken: {
          command: process.execPath,
          args: ['-e', 'console.error("started with " + process.env.API_TOKEN); process.exit(1)'],
          env: { API_TOKEN: '${LANPORT_TEST_SECRET}' },
        },
        away: {
          url: 'http://user:KANARIX51@127.0.0.1:1/mcp?api_key=KANARIX52',
          static_headers: { 'X-Api-Key': 'quiet-KANARIX53-one' },
        },
      },
      limits: { first_list_wait_ms: 25_000 },
      model_list: [
        { model_name: 'mocked', litellm_params: { model: 'mock/x', mock_response: ANSWER } },
        {
          model_name: 'far',
          litellm_params: {
            model: 'openai/gpt-4o',
            api_base: 'http://user:KANARIX54@127.0.0.1:1/v1',
            api_key: 'sk-KANARIX55',
          },
        },
      ],
    },
  });
  const agent = { 'user-agent': 'probe sk-KANARIX60abcdef', cookie: 'session=KANARIX61' };
  const answers = [
    await call('tools-echo', ARGUMENTS, agent),
    await call('sk-KANARIX62abcdefgh', {}),
    await call('tools-echo', { text: JSON.stringify(ARGUMENTS) }),
    await call(`tools-echo\u0000 sk-\u200eKANARIX63abcdefgh`, {}),
    await ask('/mcp', {
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: {
        protocolVersion: '2025-06-18',
        capabilities: {},
        clientInfo: { name: 'ghp_KANARIX64aaaaaaaaaaaaaaaa', version: '1' },
      },
    }),
  ];
  const session = String(answers[4]!.headers['mcp-session-id']);
  await call('tools-echo', { text: 'x' }, { 'mcp-session-id': session });
  for (const stream of [true, false]) {
    const messages = [{ role: 'user', content: JSON.stringify(ARGUMENTS) }];
    const about = {
      user: 'sk-KANARIX65abcdef',
      metadata: { tags: ['sk-KANARIX66abcdef'], session_id: 'sk-KANARIX67abcdef' },
    };
    await ask('/v1/chat/completions', { model: 'mocked', stream, messages, ...about }, agent);
    await ask('/v1/messages', { model: 'mocked', stream, max_tokens: 50, messages }, agent);
    await ask('/v1/responses', { model: 'mocked', stream, store: false, input: messages });
  }
  await ask('/v1/chat/completions', { model: 'sk-KANARIX68abcdef', messages: [] });
  await ask('/v1/chat/completions', { model: 'far', messages: [{ role: 'user', content: 'x' }] });
  await ask(
    '/v1/chat/completions',
    { model: 'mocked', messages: [] },
    { authorization: 'Bearer sk-KANARIX69abcdef' },
  );
  await http(`${gateway.url}/elsewhere/sk-KANARIX70abcdef?token=KANARIX71`);
  await http(`${gateway.url}/v1/ledger?limit=5&key=sk-KANARIX72abcdef`, {
    headers: { authorization: 'Bearer KANARIX73' },
  });
  await ask('/key/generate', {
    key_alias: 'one',
    key: 'sk-KANARIX74abcdefghijkl',
  });
  await http(`${gateway.url}/key/info?key=sk-KANARIX74abcdefghijkl`, {
    headers: { authorization: `Bearer ${MASTER_KEY}` },
  });
  echoed = answers[0]!.text;
  await ledgerRows(gateway);
  backup = await download();
  await gateway.stop();
}, 120_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await collector?.[Symbol.asyncDispose]();
});

/** Everything in the tables as text, which large values in the database's files are not. */
async function download(): Promise<Buffer> {
  const answer = await fetch(`${gateway.url}/v1/backup`, {
    headers: { authorization: `Bearer ${MASTER_KEY}` },
  });
  return gunzipSync(Buffer.from(await answer.arrayBuffer()));
}

async function files(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

test('secrets are found nowhere: not in the tables, the files of the database, the spool and the logs', async () => {
  verifies('ledger:no-secrets');
  expect(echoed).toContain('KANARIX03');
  const tables = backup.toString('latin1');
  expect(tables).toContain(SEEN);
  expect(around(tables)).toEqual([]);
  const logs = [...gateway.log.map((line) => JSON.stringify(line)), ...gateway.stdout].join('\n');
  expect(logs).toContain('started with [redacted:');
  expect(logs).toContain('probe [redacted:');
  expect(around(logs)).toEqual([]);
  expect(collector.text).toContain('tools-echo');
  expect(around(collector.text)).toEqual([]);
  const all = await files(join(gateway.folder, 'data'));
  expect(all.some((file) => file.includes('pg_wal'))).toBe(true);
  const found: string[] = [];
  let seen = 0;
  for (const file of all) {
    const text = (await readFile(file)).toString('latin1');
    if (text.includes('tools-echo')) seen++;
    found.push(...around(text).map((place) => `${file}: ${place}`));
  }
  expect(seen).toBeGreaterThan(0);
  expect(found).toEqual([]);
});

/** Where a secret stands in a text. */
function around(text: string): string[] {
  const places: string[] = [];
  for (let at = text.search(MARK); at >= 0 && places.length < 20; ) {
    places.push(text.slice(Math.max(0, at - 60), at + 40));
    const next = text.slice(at + 7).search(MARK);
    at = next < 0 ? -1 : at + 7 + next;
  }
  return places;
}

test('what is written without redaction is found by the same search', async () => {
  const file = join(gateway.folder, 'data', 'control');
  await writeFile(file, 'x KANARIX y');
  const texts = await Promise.all(
    (await files(join(gateway.folder, 'data'))).map((one) => readFile(one, 'latin1')),
  );
  expect(texts.flatMap(around)).toEqual(['x KANARIX y']);
});
