import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FORMATS } from '../../src/llm/formats/formats.ts';
import { configWith, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, type HttpAnswer } from '../support/http.ts';
import { type LedgerEntry, ledgerRows } from '../support/ledger-rows.ts';
import { type Dialect, DIALECTS, type SeenAnswer } from '../support/llm/dialects.ts';
import { type Fault, FAULTS, LARGE_FAULTS } from '../support/llm/faults.ts';
import { EVENTS, type ProviderReply, startProvider, type TestProvider } from '../support/llm/provider.ts';
import { lastingPort } from '../support/ports.ts';
import { verifies } from '../support/verifies.ts';

/** One request: a client's dialect, a provider's, streamed or not, alone or with a good deployment behind it. */
interface Cell {
  readonly client: Dialect;
  readonly provider: Dialect;
  readonly isStream: boolean;
  readonly hasOther: boolean;
  readonly model: string;
}

const SPOKEN = DIALECTS.filter(({ name }) => name in FORMATS);
const EVERY_FAULT: Readonly<Record<string, Fault>> = { ...FAULTS, ...LARGE_FAULTS };
/** Faults below HTTP: the provider is only an address. */
const ADDRESS_FAULTS = ['refused', 'no such name', 'no TLS', 'an untrusted certificate'] as const;
const NAMES = [...ADDRESS_FAULTS, ...Object.keys(EVERY_FAULT)];

let provider: TestProvider;
let gateway: TestGateway;
const closing: (() => void)[] = [];
/** Of each fault below HTTP. */
let addresses: Readonly<Record<string, string>>;

function cellsOf(fault: string): Cell[] {
  const cells: Cell[] = [];
  for (const client of SPOKEN)
    for (const speaks of SPOKEN)
      for (const isStream of [false, true])
        for (const hasOther of [false, true]) {
          if (EVERY_FAULT[fault] !== undefined && EVERY_FAULT[fault].reply(speaks, isStream) === undefined)
            continue;
          // Once the same format on both sides, once another.
          if (fault in LARGE_FAULTS && client !== speaks && client.name !== 'messages') continue;
          const model = [
            NAMES.indexOf(fault),
            client.name,
            speaks.name,
            isStream ? 'stream' : 'whole',
            hasOther ? 'two' : 'one',
          ].join('-');
          cells.push({ client, provider: speaks, isStream, hasOther, model });
        }
  return cells;
}

/** What it does is in the path: `/<fault>/<format>/…`, or `/good/…`. */
function reply(url: string, isStream: boolean): ProviderReply {
  const [, fault, format] = url.split('/');
  const dialect = DIALECTS.find(({ name }) => name === format)!;
  if (fault !== 'good') return EVERY_FAULT[NAMES[Number(fault)]!]!.reply(dialect, isStream)!;
  const { start, content, rest } = dialect.stream;
  return isStream
    ? { headers: EVENTS, body: [start + content, rest] }
    : { body: [JSON.stringify(dialect.whole)] };
}

beforeAll(async () => {
  provider = await startProvider(({ url, body, headers }) =>
    reply(url, body['stream'] === true || headers.accept === 'text/event-stream'),
  );
  const plain = createServer().listen(0, '127.0.0.1');
  const pem = readFileSync(join(import.meta.dirname, '../support/certificates/self-signed.pem'));
  const secret = createTlsServer({ key: pem, cert: pem }).listen(0, '127.0.0.1');
  closing.push(
    () => void plain.close(),
    () => void secret.close(),
  );
  const portOf = (server: typeof plain | typeof secret): number => (server.address() as AddressInfo).port;
  addresses = {
    refused: `http://127.0.0.1:${await lastingPort()}`,
    'no such name': 'http://nowhere.invalid',
    'no TLS': `https://127.0.0.1:${portOf(plain)}`,
    'an untrusted certificate': `https://127.0.0.1:${portOf(secret)}`,
  };
  const models = NAMES.flatMap((fault, at) =>
    cellsOf(fault).flatMap(({ model, provider: { name, model: target }, hasOther }) => {
      const entry = (address: string, order: number, more: object): object => ({
        model_name: model,
        litellm_params: { model: target, api_key: 'sk-provider', api_base: address, order, ...more },
      });
      const address = addresses[fault] ?? `${provider.url}/${at}/${name}`;
      const broken = entry(address, 1, {
        max_retries: 0,
        connect_timeout: 2,
        ...EVERY_FAULT[fault]?.settings,
      });
      return hasOther ? [broken, entry(`${provider.url}/good/${name}`, 2, {})] : [broken];
    }),
  );
  gateway = await startGateway({
    config: configWith({}, { model_list: models, router_settings: { num_retries: 1 } }),
  });
});

afterAll(async () => {
  for (const close of closing) close();
  await gateway[Symbol.asyncDispose]();
  await provider[Symbol.asyncDispose]();
});

async function ask({ client, isStream, model }: Cell): Promise<HttpAnswer & { readonly seen: SeenAnswer }> {
  const answer = await http(`${gateway.url}${client.path(model, isStream)}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
    body: JSON.stringify(client.request(model, isStream)),
  });
  const shown = `${model}: ${answer.status} ${answer.text.slice(0, 2_000)}`;
  try {
    return { ...answer, seen: client.seen(answer, isStream && answer.status === 200) };
  } catch (error) {
    throw new Error(shown, { cause: error });
  }
}

function judge(cell: Cell, answer: Awaited<ReturnType<typeof ask>>, fault: Fault | undefined): void {
  const { status, seen, headers, text } = answer;
  const shown = `${cell.model}: ${status} ${text.slice(0, 1_000)}`;
  if (cell.hasOther && (fault?.isAtStart ?? true)) {
    expect(seen, shown).toEqual({ text: 'Hello world', isComplete: true, error: undefined });
    expect(headers['x-litellm-attempted-retries'], shown).toBe('1');
    return;
  }
  expect(seen.isComplete, shown).toBe(false);
  expect(seen.error, shown).toMatch(/\w/);
  if (fault?.isAtStart ?? true) {
    const expected = fault === undefined ? 502 : fault.status;
    if (expected === undefined) expect(status, shown).toBeGreaterThanOrEqual(500);
    else expect(status, shown).toBe(expected);
    expect(headers['content-type'], shown).toMatch(/^application\/json/);
  } else {
    expect(status, shown).toBe(200);
    expect(headers['content-type'], shown).toMatch(/^text\/event-stream/);
    expect(['', 'Hello'], shown).toContain(seen.text);
  }
}

/** Where a provider is, is nobody's business but the operator's. */
function judgeSecrecy(cell: Cell, { text, headers }: HttpAnswer): void {
  const told = `${JSON.stringify(headers)}\n${text}`;
  for (const url of [provider.url, ...Object.values(addresses)]) {
    const { host, hostname } = new URL(url);
    expect(told, cell.model).not.toContain(host);
    expect(told, cell.model).not.toContain(hostname);
  }
}

function judgeRow(cell: Cell, row: LedgerEntry | undefined, fault: Fault | undefined): void {
  const shown = `${cell.model}: ${JSON.stringify(row)}`;
  if (cell.hasOther && (fault?.isAtStart ?? true)) {
    expect(row?.status, shown).toBe('ok');
    return;
  }
  expect(['error', 'timeout'], shown).toContain(row?.status);
  expect(row?.errorCode, shown).toMatch(/\w/);
}

/** How many answers were judged; `size`: how many were asked for at once. */
async function wall(name: string, size: number): Promise<number> {
  verifies('llm:faults');
  verifies('llm:addresses');
  const fault = EVERY_FAULT[name];
  const cells = cellsOf(name);
  const ids = new Map<Cell, string>();
  for (let at = 0; at < cells.length; at += size)
    await Promise.all(
      cells.slice(at, at + size).map(async (cell) => {
        const answer = await ask(cell);
        judge(cell, answer, fault);
        judgeSecrecy(cell, answer);
        ids.set(cell, String(answer.headers['x-request-id']));
      }),
    );
  const rows = new Map((await ledgerRows(gateway)).map((row) => [row.id, row]));
  for (const [cell, id] of ids) judgeRow(cell, rows.get(id), fault);
  return ids.size;
}

describe('a provider that fails is replaced where nothing was said, and else the client is told in its dialect', () => {
  test.each(ADDRESS_FAULTS)('%s', async (name) => {
    expect(await wall(name, 100)).toBeGreaterThan(0);
  });
  test.each(Object.keys(FAULTS))('%s', async (name) => {
    expect(await wall(name, 100)).toBeGreaterThan(0);
  });
  test.each(Object.keys(LARGE_FAULTS))(
    '%s',
    async (name) => {
      expect(await wall(name, 1)).toBeGreaterThan(0);
    },
    120_000,
  );
});

test.each(ADDRESS_FAULTS)('where a provider is that cannot be used is in the log (%s)', async (name) => {
  verifies('llm:addresses');
  const [cell] = cellsOf(name);
  await ask(cell!);
  const { hostname } = new URL(addresses[name]!);
  const reasons = gateway.log
    .filter(({ message, model }) => message === 'a model did not answer' && model === cell!.model)
    .map(({ reason }) => String(reason));
  expect(reasons.join('\n')).toContain(hostname);
});

test('how long to wait is passed on', async () => {
  const answers = await Promise.all(
    cellsOf('status 429 with Retry-After')
      .filter(({ hasOther }) => !hasOther)
      .map((cell) => ask(cell)),
  );
  for (const { headers } of answers) expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  expect(answers.length).toBeGreaterThan(0);
});
