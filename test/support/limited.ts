import { MASTER_KEY, type TestGateway } from './gateway.ts';
import { http, type HttpAnswer, rpc } from './http.ts';
import { ledgerRows } from './ledger-rows.ts';

/** A ledger row with what limits are about. */
export interface SpentRow {
  readonly id: string;
  readonly keyAlias?: string;
  readonly status?: string;
  readonly decision: string;
  readonly rule?: string;
  readonly errorCode?: string;
  readonly cost?: number;
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  readonly originalName?: string;
  readonly operation: string;
}

/** The rows of one key, by its alias. */
export async function rowsOf(gateway: TestGateway, alias: string): Promise<readonly SpentRow[]> {
  const rows = (await ledgerRows(gateway)) as unknown as readonly SpentRow[];
  return rows.filter(({ keyAlias }) => keyAlias === alias);
}

/** The dialects of requests to models: where they go, what they say, and where the text of an error stands. */
export const DIALECTS = {
  chat: {
    path: '/v1/chat/completions',
    body: (model: string, tokens: number) => ({
      model,
      messages: [{ role: 'user', content: 'Hi' }],
      max_tokens: tokens,
    }),
  },
  messages: {
    path: '/v1/messages',
    body: (model: string, tokens: number) => ({
      model,
      messages: [{ role: 'user', content: 'Hi' }],
      max_tokens: tokens,
    }),
  },
  responses: {
    path: '/v1/responses',
    body: (model: string, tokens: number) => ({ model, input: 'Hi', max_output_tokens: tokens }),
  },
  gemini: {
    path: '',
    body: (_model: string, tokens: number) => ({
      contents: [{ role: 'user', parts: [{ text: 'Hi' }] }],
      generationConfig: { maxOutputTokens: tokens },
    }),
  },
} as const;

export type Dialect = keyof typeof DIALECTS;

/** One request to a model with a key. */
export function ask(
  url: string,
  key: string,
  model: string,
  dialect: Dialect = 'chat',
  more: object = {},
): Promise<HttpAnswer> {
  const { path, body } = DIALECTS[dialect];
  return http(`${url}${dialect === 'gemini' ? `/v1beta/models/${model}:generateContent` : path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...body(model, 10), ...more }),
  });
}

/** A mock model of which each request costs 0.3 dollars: 30 tokens. */
export const PRICED_MODEL = {
  model_name: 'priced',
  litellm_params: {
    model: 'openai/priced',
    input_cost_per_token: 0.01,
    output_cost_per_token: 0.01,
    mock_response: { text: 'Hi', usage: { input: 20, output: 10 } },
  },
} as const;

/** One operation of the admin API, which must succeed: a GET without `body`, else a POST. */
export async function operateOn(
  { url }: { readonly url: string },
  path: string,
  body?: object,
): Promise<Record<string, unknown>> {
  const answer = await http(`${url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}: ${answer.text}`);
  return answer.json();
}

/** What a call of a tool came to. */
export interface ToolAnswer {
  readonly http: number;
  readonly isError: boolean;
  readonly text: string;
}

/** One call of a tool with a key, without a session. */
export async function callTool(url: string, key: string, name: string): Promise<ToolAnswer> {
  const answer = await rpc(`${url}/mcp`, key, {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name, arguments: {} },
  });
  const text = answer.text.startsWith('{') ? answer.text : (/^data: (\{.*)$/m.exec(answer.text)?.[1] ?? '{}');
  const { result, error } = JSON.parse(text) as {
    readonly result?: { readonly content: readonly { readonly text: string }[]; readonly isError?: boolean };
    readonly error?: { readonly message: string };
  };
  return {
    http: answer.status,
    isError: error !== undefined || result?.isError === true,
    text: error?.message ?? result?.content.map(({ text: part }) => part).join('\n') ?? '',
  };
}
