import type { IncomingHttpHeaders } from 'node:http';
import { describe, expect, it } from 'vitest';
import { narrowingFromRequest } from './narrowing.ts';
import type { PolicyServer } from './policy-server.ts';
import { upstreamHeaderReader } from './upstream-headers.ts';

describe('what a request narrows to', () => {
  const names = (headers: IncomingHttpHeaders, pathNames?: string[]) =>
    narrowingFromRequest({ pathNames, headers }).names;

  it('is nothing without path names and headers, or with headers that name nothing', () => {
    expect(names({})).toBeUndefined();
    expect(names({ 'x-mcp-servers': '', 'x-mcp-access-groups': ' , ' })).toBeUndefined();
  });

  it('is what both headers name together', () => {
    expect(names({ 'x-mcp-servers': 'a, b ,', 'x-mcp-access-groups': 'ops' })).toEqual(['a', 'b', 'ops']);
  });

  it('is what the path names, whatever the headers say', () => {
    expect(names({ 'x-mcp-servers': 'a' }, ['b'])).toEqual(['b']);
    expect(names({ 'x-mcp-servers': 'a' }, [])).toEqual(['']);
  });
});

describe('headers for one server', () => {
  const server = (name: string, alias?: string, extraHeaders: string[] = []): PolicyServer => ({
    name,
    alias,
    otherAliases: [],
    accessGroups: [],
    allowAllKeys: false,
    allowedTools: undefined,
    disallowedTools: [],
    extraHeaders,
  });
  const keyHeaderOf = (headers: IncomingHttpHeaders) =>
    headers['x-litellm-api-key'] === undefined ? 'authorization' : 'x-litellm-api-key';
  const read = upstreamHeaderReader(
    [
      server('github', 'gh'),
      server('github-enterprise', undefined),
      server('my-db', 'DB_1', ['authorization', 'x-tenant', 'x-api-key']),
    ],
    keyHeaderOf,
  );

  it('are x-mcp-{alias}-{header}, both with dashes, the longest name first', () => {
    const headers = {
      'x-mcp-github-authorization': 'Bearer one',
      'x-mcp-gh-x-api-key': 'two',
      'x-mcp-github-enterprise-x-api-key': 'three',
      'x-mcp-db_1-x-token': 'four',
      'x-mcp-my-db-x-other': 'five',
    };
    expect(read('github', headers)).toEqual([
      ['authorization', 'Bearer one'],
      ['x-api-key', 'two'],
    ]);
    expect(read('github-enterprise', headers)).toEqual([['x-api-key', 'three']]);
    expect(read('my-db', headers)).toEqual([
      ['x-token', 'four'],
      ['x-other', 'five'],
    ]);
  });

  it('of nobody known go to nobody', () => {
    const headers = {
      'x-mcp-gitlab-authorization': 'Bearer x',
      'x-mcp-github-': 'x',
      'x-mcp-servers': 'github',
    };
    for (const name of ['github', 'github-enterprise', 'my-db', 'gitlab'])
      expect(read(name, headers)).toEqual([]);
  });

  it.each([
    'host',
    'connection',
    'transfer-encoding',
    'content-length',
    'content-type',
    'mcp-session-id',
    'mcp-protocol-version',
    'proxy-authorization',
    'te',
    'upgrade',
    'accept',
    'x-forwarded-for',
    'bad name',
    'bad\nname',
  ])('never are %j', (name) => {
    expect(read('github', { [`x-mcp-github-${name}`]: 'x' })).toEqual([]);
  });

  it.each(['a\r\nx-evil: 1', 'a\u0000', 'a\u007f', '\u20ac'])('never carry %j', (value) => {
    expect(read('github', { 'x-mcp-github-authorization': value })).toEqual([]);
    expect(read('my-db', { 'x-tenant': value })).toEqual([]);
  });

  it('are also those that the server wants passed on; what is meant for it alone wins', () => {
    const headers = { 'x-tenant': 'acme', 'x-mcp-db_1-x-tenant': 'other', 'x-unlisted': 'x' };
    expect(read('my-db', { 'x-tenant': 'acme', 'x-unlisted': 'x' })).toEqual([['x-tenant', 'acme']]);
    expect(read('my-db', headers)).toEqual([['x-tenant', 'other']]);
    expect(read('github', headers)).toEqual([]);
  });

  it("never are the gateway's own key", () => {
    expect(read('my-db', { authorization: 'Bearer sk-own' })).toEqual([]);
    expect(read('my-db', { authorization: 'Bearer theirs', 'x-litellm-api-key': 'sk-own' })).toEqual([
      ['authorization', 'Bearer theirs'],
    ]);
  });
});
