import { describe, expect, it } from 'vitest';
import { verifies } from '../../test/support/verifies.ts';
import { GatewayError } from '../core/errors.ts';
import { openApiDocument } from './openapi.ts';
import { OPERATIONS } from './operations.ts';
import { checkInput } from './read-input.ts';
import { adminRoute, operationUnknown } from './router.ts';
import { generateKey } from './keys/generate-key.ts';

const operations = OPERATIONS.map(
  (operation) => [`${operation.method} ${operation.path}`, operation] as const,
);

function refusal(act: () => unknown): GatewayError {
  try {
    act();
  } catch (error) {
    if (error instanceof GatewayError) return error;
  }
  throw new Error('it was not refused');
}

describe('the table of operations', () => {
  it.each(operations)('%s is found at its path, with what stands in it', (_name, operation) => {
    const { params = {} } = operation.example;
    const filled = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
      encodeURIComponent(params[name]!),
    );
    const route = adminRoute(filled);
    expect(route?.operations[operation.method]).toBe(operation);
    expect(route?.params).toEqual(params);
  });

  it.each(operations)('%s has an example that its own schemas accept', (_name, { example, query, body }) => {
    const search = new URLSearchParams(
      Object.entries(example.query ?? {}).map(([name, value]) => [name, String(value)]),
    );
    verifies('admin:described');
    expect(() =>
      checkInput({
        query: search.toString(),
        querySchema: query,
        body: example.body ?? {},
        bodySchema: body,
      }),
    ).not.toThrow();
  });

  it('is described as a whole, each operation under a name of its own', () => {
    const { paths, components } = openApiDocument('1') as {
      readonly paths: Record<string, Record<string, { readonly operationId: string }>>;
      readonly components: { readonly schemas: Record<string, unknown> };
    };
    for (const { method, path, also = [] } of OPERATIONS)
      for (const one of [path, ...also])
        expect(paths[one]?.[method.toLowerCase()], `${method} ${one}`).toBeDefined();
    const ids = Object.values(paths).flatMap((methods) =>
      Object.values(methods).map((one) => one.operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
    const text = JSON.stringify({ paths, components });
    const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
      ([, name]) => name!,
    );
    expect(references.length).toBeGreaterThan(20);
    expect(references.filter((name) => !(name in components.schemas))).toEqual([]);
    expect(text).not.toContain('$defs');
  });

  it('decodes what stands in a path, and does not break on what cannot be decoded', () => {
    expect(adminRoute('/key/a%20b/regenerate')?.params).toEqual({ key: 'a b' });
    expect(adminRoute('/key/%zz/regenerate')?.params).toEqual({ key: '%zz' });
    expect(adminRoute('/key//regenerate')).toBeUndefined();
  });

  it('says what is near a path that it does not have', () => {
    expect(operationUnknown('/key/genrate')?.message).toContain('Did you mean /key/generate?');
    expect(operationUnknown('/elsewhere')).toBeUndefined();
  });
});

describe('input', () => {
  const check = (body: unknown): unknown =>
    checkInput({ query: undefined, querySchema: undefined, body, bodySchema: generateKey.body });

  it('is refused with every problem at once, each named by its field', () => {
    verifies('admin:problems-at-once');
    const { status, data, message } = refusal(() =>
      check({
        max_budgte: 1,
        rpm_limit: 'many',
        duration: 'soon',
        models: 'gpt-4o',
        key: 'short',
        object_permission: { mcp_servers: [1] },
        allowed_ips: ['nowhere'],
      }),
    );
    expect(status).toBe(422);
    const detail = data?.['detail'] as readonly { readonly loc: readonly string[]; readonly msg: string }[];
    expect(Object.fromEntries(detail.map(({ loc, msg }) => [loc.slice(1).join('.'), msg]))).toEqual({
      max_budgte: 'is not known here; did you mean max_budget?',
      rpm_limit: 'must be a number, not string',
      duration: 'must be a duration: a number of seconds, or text such as "30s", "5m" or "2h"',
      models: 'must be a list, not string',
      key: 'must have 16 characters at least',
      'object_permission.mcp_servers.0': 'must be text, not number',
      'allowed_ips.0': 'must be an IP address or a range such as 192.168.1.0/24',
    });
    expect(message).toContain('max_budgte is not known here');
  });

  it.each([
    [{ budget_duration: '0s' }, 'budget_duration must be one second at least'],
    [{ budget_duration: '1ms' }, 'budget_duration must be one second at least'],
    [
      { model_max_budget: { m: { budget_limit: 1, time_period: 0 } } },
      'm.time_period must be one second at least',
    ],
    [{ model_max_budget: { m: 'much' } }, 'model_max_budget.m must be a number or an object'],
    [{ model_max_budget: { m: { limit: 1 } } }, 'model_max_budget.m.limit is not known here'],
    [{ duration: '99999d' }, 'duration must be 10 years (3650d) at most'],
    [{ max_budget: -1 }, 'max_budget must be at least 0'],
    [{ rpm_limit: 1.5 }, 'rpm_limit must be a whole number.'],
    [{ key_alias: '' }, 'key_alias must be at least 1 characters long'],
    [{ key_type: 'any' }, 'key_type must be one of default, llm_api, management, read_only'],
  ])('%j is refused with what would do', (body, text) => {
    expect(refusal(() => check(body)).message).toContain(text);
  });

  it('may be null wherever LiteLLM clients send null', () => {
    const fields = Object.keys((generateKey.body as unknown as { readonly shape: object }).shape);
    expect(fields.length).toBeGreaterThan(40);
    expect(() => check(Object.fromEntries(fields.map((field) => [field, null])))).not.toThrow();
  });

  it('is an object', () => {
    expect(refusal(() => check([])).message).toContain('the body must be an object');
  });
});
