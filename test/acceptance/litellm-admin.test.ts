import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, type HttpAnswer } from '../support/http.ts';
import { verifies } from '../support/verifies.ts';
import { type Pair, STORIES, type Story } from './litellm-admin.ts';

/** One gateway for each story: what a story makes, another does not see. */
function startFor(): Promise<TestGateway> {
  const model = (name: string) => ({
    model_name: name,
    litellm_params: { model: 'openai/gpt-4o', mock_response: 'This is a test answer of some length.' },
  });
  return startGateway({
    config: {
      general_settings: { master_key: MASTER_KEY },
      model_list: [model('gpt-4'), model('gpt-3.5-turbo')],
      mcp_servers: {},
    },
  });
}

type Kept = Map<string, string>;

/** `value` with the names of kept values replaced, in texts and in names of members. */
function filled(value: unknown, kept: Kept): unknown {
  if (typeof value === 'string')
    return value.replaceAll(/\$([a-z]+)/g, (_, name: string) => {
      const found = kept.get(name);
      if (found === undefined) throw new Error(`nothing was kept as ${name}`);
      return found;
    });
  if (Array.isArray(value)) return value.map((one) => filled(one, kept));
  if (typeof value !== 'object' || value === null) return value;
  if ('asymmetricMatch' in value) {
    if ('sample' in value && typeof value.sample === 'object' && !(value.sample instanceof RegExp))
      Object.assign(value, { sample: filled(value.sample, kept) });
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [String(filled(name, kept)), filled(one, kept)]),
  );
}

function at(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((one, name) => (one as Readonly<Record<string, unknown>> | undefined)?.[name], value);
}

async function ask(gateway: TestGateway, { request, body, as }: Pair, kept: Kept): Promise<HttpAnswer> {
  const [method, path] = request.split(' ') as [string, string];
  const key = as === undefined ? MASTER_KEY : String(filled(as, kept));
  const text =
    typeof body === 'string' ? body : body === undefined ? undefined : JSON.stringify(filled(body, kept));
  return http(`${gateway.url}${String(filled(path, kept))}`, {
    method,
    headers: {
      ...(key === '' ? {} : { authorization: `Bearer ${key}` }),
      ...(text === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(text === undefined ? {} : { body: text }),
  });
}

async function play(gateway: TestGateway, { pairs }: Story): Promise<readonly string[]> {
  const kept: Kept = new Map();
  const secrets: string[] = [];
  for (const pair of pairs) {
    const answer = await ask(gateway, pair, kept);
    const name = `${pair.name}: ${pair.request} answered ${answer.text.slice(0, 2_000)}`;
    expect(answer.status, name).toBe(pair.status ?? 200);
    const body: unknown = answer.text === '' ? undefined : JSON.parse(answer.text);
    const expected = filled(pair.answer, kept);
    if (Array.isArray(expected)) expect(body, name).toHaveLength(expected.length);
    if (typeof expected === 'object' && expected !== null && !('asymmetricMatch' in expected))
      expect(body, name).toMatchObject(expected);
    else if (expected !== undefined) expect(body, name).toEqual(expected);
    for (const path of pair.without ?? []) expect(at(body, path), name).toBeUndefined();
    for (const [as, path] of Object.entries(pair.keep ?? {})) kept.set(as, String(at(body, path)));
    const issued = at(body, 'key');
    if (pair.request !== 'GET /key/info' && typeof issued === 'string' && issued.startsWith('sk-'))
      secrets.push(issued);
  }
  return secrets;
}

describe.each(STORIES)('$page: $title', (story) => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startFor();
  }, 60_000);
  afterAll(async () => {
    await gateway?.[Symbol.asyncDispose]();
  });

  it('answers as documented, and tells no key to the log', async () => {
    verifies('admin:litellm', 'keys:shown-once');
    const secrets = await play(gateway, story);
    await gateway.stop();
    await gateway.logged((line) => line.message === 'stopped');
    const log = gateway.log.map((line) => JSON.stringify(line)).join('\n');
    expect(secrets.filter((secret) => log.includes(secret))).toEqual([]);
    const changes = story.pairs.filter(
      ({ request, status = 200 }) => /^POST \/(?:key|user|team)\/(?!health)/.test(request) && status === 200,
    );
    const told = gateway.log.filter((line) => line.message === 'admin');
    expect(told.length).toBeGreaterThanOrEqual(changes.length);
    expect(
      told.filter((line) => typeof line['by'] !== 'string' || typeof line['action'] !== 'string'),
    ).toEqual([]);
  }, 120_000);
});

it('there are as many pairs as were promised', () => {
  expect(STORIES.flatMap(({ pairs }) => pairs).length).toBeGreaterThanOrEqual(60);
});
