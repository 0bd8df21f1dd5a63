import type { IncomingHttpHeaders } from 'node:http';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { createKeyRing, type KeyRing } from '../keys/key-ring.ts';
import type { KeyConfig } from '../keys/keys-config.ts';
import { type AuthenticatorOptions, createAuthenticator, type RouteKind } from './authenticate.ts';

const NOW = 1_800_000_000_000;

const virtual = (value: string, rest: Partial<KeyConfig> = {}): KeyConfig => ({
  index: 0,
  source: 'virtual_keys[0]',
  value: new Secret(value),
  alias: undefined,
  user: undefined,
  team: undefined,
  description: undefined,
  models: [],
  mcpServers: [],
  mcpTools: undefined,
  allowedIps: [],
  expires: undefined,
  blocked: false,
  priority: undefined,
  limits: {
    maxBudget: undefined,
    softBudget: undefined,
    budgetDurationMs: undefined,
    requestsPerMinute: undefined,
    tokensPerMinute: undefined,
    parallelRequests: undefined,
  },
  ...rest,
});

const standardRing = createKeyRing({
  masterKey: new Secret('sk-master'),
  keys: [
    virtual('sk-anna', { alias: 'anna-laptop', user: 'anna', team: 'core', mcpServers: ['db'] }),
    virtual('sk-old', { expires: NOW }),
    virtual('sk-soon', { expires: NOW + 1 }),
    virtual('sk-blocked', { blocked: true }),
    virtual('sk-lan', { allowedIps: ['192.168.0.0/16'] }),
  ],
});
const emptyRing = createKeyRing({ masterKey: undefined, keys: [] });

function build(ring: KeyRing = standardRing, options: Partial<AuthenticatorOptions> = {}) {
  const authenticator = createAuthenticator({
    ring,
    allowedIps: [],
    useXForwardedFor: false,
    trustLoopbackWithoutKeys: true,
    clock: { now: () => NOW, monotonicMs: () => 0 },
    ...options,
  });
  const login = (
    headers: IncomingHttpHeaders,
    more: { remoteAddress?: string; query?: string; routeKind?: RouteKind } = {},
  ) => authenticator.authenticate({ headers, remoteAddress: '203.0.113.9', routeKind: 'mcp', ...more });
  const refusal = (...args: Parameters<typeof login>): string => {
    try {
      return `let in as ${login(...args).id}`;
    } catch (error) {
      if (error instanceof GatewayError) return error.code;
      throw error;
    }
  };
  return { authenticator, login, refusal };
}

describe('where a key is read from', () => {
  const { login, refusal } = build();

  it.each<[string, IncomingHttpHeaders]>([
    ['Authorization: Bearer', { authorization: 'Bearer sk-anna' }],
    ['a scheme in any case, with more than one space', { authorization: 'bEARER   sk-anna ' }],
    ['a tab after the scheme', { authorization: 'Bearer\tsk-anna' }],
    ['x-litellm-api-key, bare', { 'x-litellm-api-key': 'sk-anna' }],
    ['x-litellm-api-key with Bearer', { 'x-litellm-api-key': 'Bearer sk-anna' }],
    ['x-api-key', { 'x-api-key': 'sk-anna' }],
    ['api-key', { 'api-key': 'sk-anna' }],
    ['x-goog-api-key', { 'x-goog-api-key': 'sk-anna' }],
  ])('%s', (_name, headers) => {
    expect(login(headers).alias).toBe('anna-laptop');
  });

  it('x-litellm-api-key wins over a foreign Authorization', () => {
    const headers = { authorization: 'Bearer upstream-oauth-token', 'x-litellm-api-key': 'sk-anna' };
    expect(login(headers).alias).toBe('anna-laptop');
    expect(refusal({ authorization: 'Bearer sk-anna', 'x-litellm-api-key': 'sk-wrong' })).toBe(
      'auth-invalid',
    );
  });

  it('Authorization wins over x-api-key, that over api-key, that over x-goog-api-key', () => {
    expect(login({ authorization: 'Bearer sk-master', 'x-api-key': 'sk-anna' }).id).toBe('master');
    expect(login({ 'x-api-key': 'sk-master', 'api-key': 'sk-anna' }).id).toBe('master');
    expect(login({ 'api-key': 'sk-master', 'x-goog-api-key': 'sk-anna' }).id).toBe('master');
  });

  it.each<IncomingHttpHeaders>([
    { authorization: '' },
    { authorization: 'Bearer' },
    { authorization: 'Bearer ' },
    { authorization: 'Basic c2stYW5uYTo=' },
    { authorization: 'Bearersk-anna' },
    { 'x-litellm-api-key': '' },
    { 'x-litellm-api-key': 'Bearer ' },
    { 'x-api-key': '  ' },
  ])('%j counts as no key: the next place is looked at', (headers) => {
    expect(refusal(headers)).toBe('auth-missing');
    expect(login({ ...headers, 'x-goog-api-key': 'sk-anna' }).alias).toBe('anna-laptop');
  });

  it('a configured header comes after x-litellm-api-key and before Authorization', () => {
    const custom = build(standardRing, { headerName: 'X-Team-Key' });
    expect(custom.login({ 'x-team-key': 'Bearer sk-anna', authorization: 'Bearer sk-master' }).alias).toBe(
      'anna-laptop',
    );
    expect(custom.login({ 'x-team-key': 'sk-anna', 'x-litellm-api-key': 'sk-master' }).id).toBe('master');
    expect(refusal({ 'x-team-key': 'sk-anna' })).toBe('auth-missing');
  });

  it('?key= counts on Gemini routes alone, after every header', () => {
    expect(login({}, { query: 'alt=sse&key=sk-anna', routeKind: 'gemini' }).alias).toBe('anna-laptop');
    expect(login({ 'x-goog-api-key': 'sk-master' }, { query: 'key=sk-anna', routeKind: 'gemini' }).id).toBe(
      'master',
    );
    expect(refusal({}, { query: 'key=', routeKind: 'gemini' })).toBe('auth-missing');
    for (const routeKind of ['mcp', 'llm', 'admin', 'health'] as const)
      expect(refusal({}, { query: 'key=sk-anna', routeKind }), routeKind).toBe('auth-missing');
  });

  it('tells which header carried the key, and none where there are no keys', () => {
    const { authenticator } = build();
    expect(authenticator.keyHeaderOf({ authorization: 'Bearer x' })).toBe('authorization');
    expect(authenticator.keyHeaderOf({ authorization: 'Bearer x', 'x-litellm-api-key': 'y' })).toBe(
      'x-litellm-api-key',
    );
    expect(authenticator.keyHeaderOf({ authorization: 'Bearer ' })).toBeUndefined();
    expect(build(emptyRing).authenticator.keyHeaderOf({ authorization: 'Bearer x' })).toBeUndefined();
  });
});

describe('whom a key stands for', () => {
  const { login, refusal } = build();

  it('is one frozen object per key, with a stable id that is not the key', () => {
    const anna = login({ 'x-api-key': 'sk-anna' });
    expect(login({ authorization: 'Bearer sk-anna' })).toBe(anna);
    expect(Object.isFrozen(anna) && Object.isFrozen(anna.grants)).toBe(true);
    expect(anna).toMatchObject({
      kind: 'virtual',
      user: 'anna',
      team: 'core',
      grants: { mcpServers: ['db'] },
    });
    expect(anna.id).toMatch(/^[0-9a-f]{16}$/);
    expect(build().login({ 'x-api-key': 'sk-anna' }).id).toBe(anna.id);
    expect(login({ 'x-api-key': 'sk-master' })).toMatchObject({
      id: 'master',
      kind: 'master',
      grants: undefined,
    });
  });

  it('has another scope when its rights change, and no other when nothing did', () => {
    const scope = (mcpServers: string[]) =>
      build(createKeyRing({ masterKey: undefined, keys: [virtual('sk-a', { mcpServers })] })).login({
        'x-api-key': 'sk-a',
      }).scopeKey;
    expect(scope(['db'])).toBe(scope(['db']));
    expect(scope(['db'])).not.toBe(scope(['db', 'files']));
  });

  it('is nobody for an unknown, expired or blocked key', () => {
    expect(refusal({ 'x-api-key': 'sk-nobody' })).toBe('auth-invalid');
    expect(refusal({ 'x-api-key': 'sk-old' })).toBe('auth-expired');
    expect(refusal({ 'x-api-key': 'sk-soon' })).toMatch(/^let in/);
    expect(refusal({ 'x-api-key': 'sk-blocked' })).toBe('auth-blocked');
    expect(() => login({ 'x-api-key': 'sk-old' })).toThrow('This key expired at 2027-01-15T08:00:00.000Z.');
  });

  it('ends with its time, also for headers that are the same object as before', () => {
    let now = NOW;
    const { login: enter, refusal: refused } = build(standardRing, {
      clock: { now: () => now, monotonicMs: () => 0 },
    });
    const headers = Object.freeze({ 'x-api-key': 'sk-soon' });
    const other = Object.freeze({ 'x-api-key': 'sk-anna' });
    expect(enter(headers)).toBe(enter(headers));
    expect(enter(other).alias).toBe('anna-laptop');
    now = NOW + 1;
    expect(refused(headers)).toBe('auth-expired');
    expect(enter(other).alias).toBe('anna-laptop');
  });

  it('is read anew from headers that can change', () => {
    const headers: IncomingHttpHeaders = { 'x-api-key': 'sk-anna' };
    expect(login(headers).alias).toBe('anna-laptop');
    headers['x-api-key'] = 'sk-nobody';
    expect(refusal(headers)).toBe('auth-invalid');
  });
});

describe('addresses', () => {
  it('a gateway-wide list is checked before any key', () => {
    const { login, refusal } = build(standardRing, { allowedIps: ['10.0.0.0/8'] });
    expect(refusal({})).toBe('address-forbidden');
    expect(refusal({ 'x-api-key': 'sk-master' })).toBe('address-forbidden');
    expect(login({ 'x-api-key': 'sk-master' }, { remoteAddress: '::ffff:10.0.0.7' }).id).toBe('master');
  });

  it("a key's own list is checked after the key", () => {
    const { login, refusal } = build();
    expect(refusal({ 'x-api-key': 'sk-lan' })).toBe('address-forbidden');
    expect(login({ 'x-api-key': 'sk-lan' }, { remoteAddress: '192.168.3.4' }).kind).toBe('virtual');
  });

  it('X-Forwarded-For counts only where it is trusted, and there by its last entry', () => {
    const headers = { 'x-api-key': 'sk-lan', 'x-forwarded-for': '8.8.8.8, 192.168.3.4' };
    expect(build().refusal(headers)).toBe('address-forbidden');
    const trusting = build(standardRing, { useXForwardedFor: true });
    expect(trusting.login(headers).kind).toBe('virtual');
    const forged = { ...headers, 'x-forwarded-for': '192.168.3.4, 8.8.8.8' };
    expect(trusting.refusal(forged, { remoteAddress: '192.168.3.4' })).toBe('address-forbidden');
    expect(trusting.authenticator.addressOf({ headers: {}, remoteAddress: '::ffff:10.0.0.7' })).toBe(
      '10.0.0.7',
    );
  });
});

describe('without any key', () => {
  const { login, refusal } = build(emptyRing);

  it('this machine is served, whatever key it sends', () => {
    for (const remoteAddress of ['127.0.0.1', '::1', '::ffff:127.0.0.1'])
      expect(login({ authorization: 'Bearer sk-any' }, { remoteAddress })).toMatchObject({
        id: 'anonymous',
        kind: 'anonymous',
      });
  });

  it('nobody else is, and the answer says why', () => {
    expect(refusal({ authorization: 'Bearer sk-any' })).toBe('auth-unconfigured');
    expect(() => login({})).toThrow('this request came from 203.0.113.9. Set general_settings.master_key.');
  });

  it('what a proxy on this machine forwards is not from this machine', () => {
    for (const name of ['x-forwarded-for', 'forwarded'])
      expect(refusal({ [name]: '127.0.0.1' }, { remoteAddress: '127.0.0.1' }), name).toBe(
        'auth-unconfigured',
      );
  });

  it('not even this machine is served where that is not trusted', () => {
    const strict = build(emptyRing, { trustLoopbackWithoutKeys: false });
    expect(strict.refusal({}, { remoteAddress: '127.0.0.1' })).toBe('auth-unconfigured');
  });
});
