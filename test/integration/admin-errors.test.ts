import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, type HttpAnswer } from '../support/http.ts';
import { verifies } from '../support/verifies.ts';

const KEY = 'sk-of-the-file-0123456789';
let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({
    config: configWith(
      {},
      {
        virtual_keys: [{ api_key: KEY, key_alias: 'of-the-file', models: ['m'], user: 'ada' }],
        model_list: [{ model_name: 'm', litellm_params: { model: 'openai/gpt-4o', mock_response: 'Hi.' } }],
        limits: { body_bytes_max: 2_000 },
      },
    ),
  });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

const ask = (
  method: string,
  path: string,
  body?: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer> =>
  http(`${gateway.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body }),
  });

interface Refusal {
  readonly error: {
    readonly type: string;
    readonly param: unknown;
    readonly code: string;
    readonly lanport: string;
  };
}

const refusal = (answer: HttpAnswer): Refusal['error'] => answer.json<Refusal>().error;

describe('the operator API', () => {
  it('says which methods a path has', async () => {
    const answer = await ask('DELETE', '/key/generate');
    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe('POST');
    expect(refusal(answer)).toMatchObject({ type: 'bad_request_error', code: '405' });
  });

  it('answers HEAD as GET without a body, and takes a slash at the end of a path', async () => {
    const head = await ask('HEAD', '/v1/mcp/server/');
    expect([head.status, head.text]).toEqual([200, '']);
    expect(Number(head.headers['content-length'])).toBeGreaterThan(0);
  });

  it('refuses bodies that are too large, of another type, or no text', async () => {
    verifies('admin:problems-at-once');
    const large = await ask('POST', '/key/generate', JSON.stringify({ description: 'x'.repeat(3_000) }));
    expect([large.status, refusal(large).lanport]).toEqual([413, 'body-too-large']);
    const form = await ask('POST', '/key/generate', 'models=m', {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect([form.status, refusal(form).lanport]).toEqual([415, 'body-type']);
    const noText = await ask('POST', '/key/generate', '{"key_alias": "\ud800", "models": [null]}');
    expect([noText.status, refusal(noText).param]).toEqual([422, 'models[0]']);
  });

  it('says that keys need a database, where there is none, and shows those of the configuration', async () => {
    for (const [path, body] of [
      ['/key/generate', '{}'],
      ['/user/new', '{"user_id":"x"}'],
      ['/team/new', '{"team_id":"x"}'],
    ] as const) {
      const answer = await ask('POST', path, body);
      expect([answer.status, refusal(answer).type], path).toEqual([400, 'no_db_connection']);
      expect(answer.text).toContain('No connected db.');
    }
    const list = (await ask('GET', '/key/list?include_configured=true&return_full_object=true')).json<{
      readonly keys: readonly object[];
    }>();
    expect(list.keys).toMatchObject([{ key_alias: 'of-the-file', origin: 'configuration', user_id: 'ada' }]);
    expect(JSON.stringify(list)).not.toContain(KEY);
    expect((await ask('GET', '/key/list')).json()).toMatchObject({ keys: [], total_count: 0 });
  });

  it('sums up what was spent without a database too', async () => {
    const chat = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hello' }] });
    expect((await ask('POST', '/v1/chat/completions', chat, { authorization: `Bearer ${KEY}` })).status).toBe(
      200,
    );
    expect((await ask('GET', '/global/spend/keys')).json()).toMatchObject([{ key_alias: 'of-the-file' }]);
    const info = await ask('GET', '/key/info', undefined, { authorization: `Bearer ${KEY}` });
    expect(info.json<{ readonly info: { readonly spend: number } }>().info.spend).toBeGreaterThan(0);
  });

  it('tells a query that is not known, and a date that is none, by name', async () => {
    const answer = await ask('GET', '/spend/logs?api_kye=x&start_date=soon&limit=0');
    expect(answer.status).toBe(422);
    expect(answer.text).toContain('did you mean api_key?');
    expect(
      answer
        .json<{ readonly detail: readonly { readonly loc: readonly string[] }[] }>()
        .detail.map(({ loc }) => loc.join('.'))
        .sort(),
    ).toEqual(['query.api_kye', 'query.limit', 'query.start_date']);
  });
});
