import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryAccounts } from '../support/account-table.ts';
import { verifies } from '../support/verifies.ts';
import { createAuthenticator } from '../../src/auth/authenticate.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { noAccounts } from '../../src/store/none/no-accounts.ts';
import { NO_MCP } from '../../src/keys/account-json.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import { digestOf } from '../../src/keys/key-values.ts';
import { type OpenDirectory, openKeyDirectory } from '../../src/keys/open-directory.ts';

const START = 1_800_000_000_000;
const MINUTE_MS = 60_000;
const BY = 'master';

let now: number;
let table: MemoryAccounts;
let directory: OpenDirectory;
const clock = { now: () => now, monotonicMs: () => 0 };
const warnings: string[] = [];
const log = { info: () => undefined, warn: (message: string) => void warnings.push(message) };
const configured = createKeyRing({ masterKey: new Secret('sk-master-key'), keys: [] });

beforeEach(async () => {
  now = START;
  warnings.length = 0;
  table = new MemoryAccounts();
  directory = await openKeyDirectory({ table, clock, log });
  directory.useConfigured(configured);
});

afterEach(() => directory[Symbol.asyncDispose]());

const code = async (attempt: Promise<unknown>): Promise<string> => {
  try {
    await attempt;
    return 'done';
  } catch (error) {
    if (error instanceof GatewayError) return error.code;
    throw error;
  }
};

/** Shows a key as a client does, with headers that stay the same objects, as those of an open connection. */
function client(value: string, over: OpenDirectory = directory): () => string {
  const authenticator = createAuthenticator({
    ring: over.ring(configured),
    allowedIps: [],
    useXForwardedFor: false,
    trustLoopbackWithoutKeys: false,
    clock,
  });
  const headers = Object.freeze({ authorization: `Bearer ${value}` });
  return () => {
    try {
      return authenticator.authenticate({ headers, remoteAddress: '192.0.2.1', routeKind: 'mcp' }).id;
    } catch (error) {
      if (error instanceof GatewayError) return error.code;
      throw error;
    }
  };
}

describe('a key', () => {
  it('is made with its value shown once, and counts at once under every name that it has', async () => {
    const { key, record } = await directory.createKey({ alias: 'anna', user: 'anna', models: ['a'] }, BY);
    const value = key.reveal();
    expect(value).toMatch(/^sk-[\w-]{32}$/);
    expect(record).toMatchObject({
      id: digestOf(value).slice(0, 16),
      digest: digestOf(value),
      name: `sk-...${value.slice(-4)}`,
      alias: 'anna',
      createdAt: START,
      createdBy: BY,
      origin: 'store',
      source: 'keys.anna',
    });
    expect(client(value)()).toBe(record.id);
    for (const ref of [value, record.digest, record.id, 'anna'])
      expect(directory.findKey(ref)).toEqual(record);
  });

  it('is nowhere kept as it is', async () => {
    const { key } = await directory.createKey({ alias: 'anna', metadata: { a: 1 } }, BY);
    await directory.regenerateKey('anna', { graceMs: MINUTE_MS }, BY);
    expect(JSON.stringify([...table.rows.values()])).not.toContain(key.reveal());
  });

  it('comes back from the store with everything that was said of it', async () => {
    verifies('keys:durable');
    const fields = {
      alias: 'whole',
      description: 'd',
      user: 'u',
      models: ['m', 'all-team-models'],
      modelAliases: { a: 'b' },
      mcp: { servers: ['s'], accessGroups: ['g'], tools: [], toolPermissions: { s: ['t'] } },
      limits: {
        maxBudget: 1.5,
        softBudget: 1,
        budgetDurationMs: 1_000,
        requestsPerMinute: 2,
        tokensPerMinute: 3,
        parallelRequests: 4,
        budgetResetAt: START + 1,
        perModel: { m: { maxBudget: 1, budgetDurationMs: 2, requestsPerMinute: 3, tokensPerMinute: 4 } },
      },
      spendBase: { usd: 3, at: START },
      blocked: true,
      metadata: { deep: { er: [1, null, 'ü'] } },
      expires: START + MINUTE_MS,
      keyType: 'llm_api',
      allowedRoutes: ['/mcp'],
      allowedIps: ['10.0.0.0/8'],
      priority: 'prod',
      tags: ['t'],
      guardrails: ['g'],
      permissions: { p: true },
      allowedCacheControls: ['no-cache'],
    } as const;
    const { record } = await directory.createKey(fields, BY);
    expect(record).toMatchObject(fields);
    const other = await openKeyDirectory({ table, clock, log });
    expect(other.findKey('whole')).toEqual(record);
    await other[Symbol.asyncDispose]();
  });

  it('takes effect on connections that are open: blocked, unblocked, deleted', async () => {
    const { key, record } = await directory.createKey({}, BY);
    const ask = client(key.reveal());
    expect(ask()).toBe(record.id);
    await directory.setBlocked(record.digest, true, BY);
    expect(ask()).toBe('auth-blocked');
    await directory.setBlocked(record.digest, false, BY);
    expect(ask()).toBe(record.id);
    await directory.deleteKeys([record.digest], BY);
    expect(ask()).toBe('auth-invalid');
  });

  it('with a new value is the same account, and the old value works for the grace period', async () => {
    verifies('keys:rotation');
    const { key, record } = await directory.createKey({ alias: 'robot' }, BY);
    const first = client(key.reveal());
    const renewed = await directory.regenerateKey(key.reveal(), { graceMs: MINUTE_MS }, BY);
    const second = client(renewed.key.reveal());
    expect(renewed.record).toMatchObject({ id: record.id, alias: 'robot' });
    expect(renewed.record.digest).not.toBe(record.digest);
    expect([first(), second()]).toEqual([record.id, record.id]);
    now += MINUTE_MS - 1;
    expect(first()).toBe(record.id);
    now += 1;
    expect([first(), second()]).toEqual(['auth-expired', record.id]);
  });

  it('replaced without grace stops at once; a second replacement keeps the first grace', async () => {
    const { key, record } = await directory.createKey({}, BY);
    const next = await directory.regenerateKey(record.id, { graceMs: MINUTE_MS }, BY);
    const last = await directory.regenerateKey(
      record.id,
      { graceMs: 0, newKey: new Secret('sk-chosen-by-hand'), change: { alias: 'later' } },
      BY,
    );
    expect(last.key.reveal()).toBe('sk-chosen-by-hand');
    expect(last.record.alias).toBe('later');
    const values = [key, next.key, last.key].map((one) => client(one.reveal())());
    expect(values).toEqual([record.id, 'auth-invalid', record.id]);
  });

  it('may have the value of one that was replaced, as an account of its own', async () => {
    const { record } = await directory.createKey({ key: new Secret('sk-same-value') }, BY);
    await directory.regenerateKey(record.id, { graceMs: 0 }, BY);
    const again = await directory.createKey({ key: new Secret('sk-same-value') }, BY);
    expect(again.record.id).not.toBe(record.id);
    expect(client('sk-same-value')()).toBe(again.record.id);
  });

  it('expires on time, and is told of', async () => {
    const { key } = await directory.createKey({ expires: START + 5 }, BY);
    const told = new Promise<void>((resolve) => {
      directory.onChange(() => now >= START + 5 && resolve());
    });
    now = START + 4;
    expect(client(key.reveal())()).toMatch(/^[0-9a-f]{16}$/);
    // The clock of the test stands still: the timer runs by the difference it was given.
    now = START + 5;
    await told;
    expect(client(key.reveal())()).toBe('auth-expired');
  });

  it.each<[string, (made: string) => Promise<unknown>, string]>([
    [
      'a value that is taken',
      () => directory.createKey({ key: new Secret('sk-taken-value') }, BY),
      'account-exists',
    ],
    [
      'the value of the master key',
      () => directory.createKey({ key: new Secret('sk-master-key') }, BY),
      'account-exists',
    ],
    ['an alias that is taken', () => directory.createKey({ alias: 'taken' }, BY), 'account-exists'],
    [
      'an alias that looks like a key',
      () => directory.createKey({ alias: 'sk-oops' }, BY),
      'account-invalid',
    ],
    [
      'a value with a space',
      () => directory.createKey({ key: new Secret('sk-with space') }, BY),
      'account-invalid',
    ],
    [
      'a value of few characters',
      () => directory.createKey({ key: new Secret('sk-abcd') }, BY),
      'account-invalid',
    ],
    ['a team that there is not', () => directory.createKey({ team: 'nobody' }, BY), 'team-unknown'],
    [
      'too much metadata',
      (id) => directory.updateKey(id, { metadata: { a: 'x'.repeat(70_000) } }, BY),
      'account-invalid',
    ],
    ['an unknown key', () => directory.updateKey('sk-unknown-key', {}, BY), 'key-unknown'],
    ['an unknown key among others', (id) => directory.deleteKeys([id, 'sk-unknown-key'], BY), 'key-unknown'],
  ])('is refused: %s', async (_what, attempt, expected) => {
    const { record } = await directory.createKey({ key: new Secret('sk-taken-value'), alias: 'taken' }, BY);
    expect(await code(attempt(record.id))).toBe(expected);
    expect(directory.listKeys().items).toEqual([record]);
  });

  it('is named in a refusal by what may be shown of it', async () => {
    await expect(directory.deleteKeys(['sk-very-secret-value-1234'], BY)).rejects.toThrow(
      'There is no key sk-...1234.',
    );
  });
});

describe('changes', () => {
  it('of others at the same time are kept too', async () => {
    const { record } = await directory.createKey({ alias: 'one' }, BY);
    const other = await openKeyDirectory({ table, clock, log });
    await Promise.all([
      directory.updateKey(record.id, { description: 'here' }, BY),
      other.updateKey(record.id, { tags: ['there'] }, BY),
    ]);
    for (const one of [directory, other])
      expect(one.findKey(record.id)).toMatchObject({ description: 'here', tags: ['there'] });
    await other[Symbol.asyncDispose]();
  });

  it('elsewhere are in force here when they are heard of', async () => {
    const other = await openKeyDirectory({ table, clock, log });
    const heard = new Promise<void>((resolve) => void directory.onChange(resolve));
    const { key, record } = await other.createKey({}, BY);
    await heard;
    expect(client(key.reveal())()).toBe(record.id);
    await other[Symbol.asyncDispose]();
  });

  it('of its own are not read twice', async () => {
    const { record } = await directory.createKey({}, BY);
    const { loads } = table;
    table.tell({ kind: 'key', id: record.id, version: 1 });
    await directory.updateKey(record.id, { tags: ['a'] }, BY);
    expect(table.loads).toBe(loads + 1 + 1);
  });

  it('are refused while the store is away, and the keys known so far go on working', async () => {
    verifies('keys:store-away');
    const { key, record } = await directory.createKey({}, BY);
    table.failure = new Error('connect ECONNREFUSED');
    expect(await code(directory.setBlocked(record.id, true, BY))).toBe('store-unavailable');
    expect(client(key.reveal())()).toBe(record.id);
    expect(client('sk-never-seen-before')()).toBe('auth-invalid');
    table.failure = undefined;
    expect(await code(directory.setBlocked(record.id, true, BY))).toBe('done');
    expect(client(key.reveal())()).toBe('auth-blocked');
  });

  it('that could not be read are read later', async () => {
    const { key, record } = await directory.createKey({}, BY);
    const row = table.rows.get(`key ${record.id}`)!;
    table.failure = new Error('away');
    table.write({ op: 'replace', row: { ...row, record: '{"blocked":true}' } });
    await expect.poll(() => warnings).toContain('changes of keys could not be read; they will be');
    table.failure = undefined;
    await expect.poll(() => client(key.reveal())(), { timeout: 10_000 }).toBe('auth-blocked');
  });

  it('are asked for once at a time, however many wait, each from after it came; and for no longer than a moment', async () => {
    verifies('keys:everywhere');
    const questions: PromiseWithResolvers<void>[] = [];
    table.heard = () => {
      const question = Promise.withResolvers<void>();
      questions.push(question);
      return question.promise;
    };
    let caughtUp = 0;
    const ask = (): Promise<void> => directory.catchUp().then(() => void caughtUp++);
    const first = ask();
    await expect.poll(() => questions).toHaveLength(1);
    const rest = Array.from({ length: 50 }, ask);
    questions[0]!.resolve();
    await first;
    await expect.poll(() => questions).toHaveLength(2);
    expect(caughtUp).toBe(1);
    questions[1]!.reject(new Error('the connection broke'));
    await Promise.all(rest);
    expect([caughtUp, questions.length]).toEqual([51, 2]);
    // The third is never answered.
    await ask();
    expect([caughtUp, questions.length]).toEqual([52, 3]);
  });

  it('need a database', async () => {
    verifies('keys:no-database');
    const none = await openKeyDirectory({ table: noAccounts(), clock, log });
    expect(none.isWritable).toBe(false);
    await expect(none.createKey({}, BY)).rejects.toThrow(/^No connected db\./);
    await none[Symbol.asyncDispose]();
  });
});

describe('what a row says wrongly', () => {
  it('grants nothing', async () => {
    const row = {
      kind: 'key',
      id: 'x',
      version: 1,
      digest: digestOf('sk-odd-record'),
      alias: undefined,
      user: undefined,
      team: undefined,
    } as const;
    const record = JSON.stringify({
      models: '*',
      mcp: { servers: '*', tools: 'all' },
      blocked: 'yes',
      limits: 7,
    });
    table.write({ op: 'insert', row: { ...row, record } });
    await expect
      .poll(() => directory.findKey('x'))
      .toMatchObject({
        models: [],
        mcp: { ...NO_MCP, tools: [] },
        blocked: true,
      });
  });
});

describe('lists', () => {
  it('are newest first, by page, and of whom was asked for', async () => {
    await directory.createTeam({ id: 'core' }, BY);
    for (const [alias, user] of [
      ['first-one', 'anna'],
      ['second-one', 'bert'],
      ['third-one', 'anna'],
    ] as const) {
      now++;
      await directory.createKey({ alias, user, team: 'core' }, BY);
    }
    const aliases = (query: Parameters<OpenDirectory['listKeys']>[0]) =>
      directory.listKeys(query).items.map(({ alias }) => alias);
    expect(aliases({})).toEqual(['third-one', 'second-one', 'first-one']);
    expect(aliases({ size: 2, page: 2 })).toEqual(['first-one']);
    expect(aliases({ user: 'anna' })).toEqual(['third-one', 'first-one']);
    expect(aliases({ user: 'anna', text: 'FIRST-', team: 'core' })).toEqual(['first-one']);
    expect(directory.listKeys({ size: 1 }).total).toBe(3);
  });
});

describe('users and teams', () => {
  it('block and expire their keys, those of open connections too', async () => {
    await directory.createTeam({ id: 'core' }, BY);
    await directory.createUser({ id: 'anna' }, BY);
    const { key, record } = await directory.createKey({ team: 'core', user: 'anna' }, BY);
    const ask = client(key.reveal());
    expect(ask()).toBe(record.id);
    await directory.updateTeam('core', { blocked: true }, BY);
    expect(ask()).toBe('auth-team-blocked');
    await directory.updateTeam('core', { blocked: false, expires: START }, BY);
    expect(ask()).toBe('auth-expired');
    await directory.updateTeam('core', { expires: undefined }, BY);
    await directory.updateUser('anna', { blocked: true }, BY);
    expect(ask()).toBe('auth-user-blocked');
  });

  it('go with their keys and memberships', async () => {
    await directory.createTeam(
      { id: 'core', members: [{ user: 'anna', email: undefined, role: 'admin', limits: undefined }] },
      BY,
    );
    await directory.createUser({ id: 'anna' }, BY);
    await directory.createKey({ alias: 'of-anna', user: 'anna' }, BY);
    await directory.createKey({ alias: 'of-core', team: 'core' }, BY);
    expect(directory.teamsOf('anna').map(({ id }) => id)).toEqual(['core']);
    await directory.deleteUsers(['anna'], BY);
    expect(directory.findTeam('core')?.members).toEqual([]);
    expect(directory.listKeys().items.map(({ alias }) => alias)).toEqual(['of-core']);
    await directory.deleteTeams(['core'], BY);
    expect([directory.listKeys().total, directory.listTeams().total, directory.listUsers().total]).toEqual([
      0, 0, 0,
    ]);
    expect(table.rows.size).toBe(0);
  });

  it('change members without losing those that others add at the same time', async () => {
    const member = (user: string) => ({ user, email: undefined, role: 'user', limits: undefined }) as const;
    await directory.createTeam({ id: 'core' }, BY);
    const other = await openKeyDirectory({ table, clock, log });
    await Promise.all([
      directory.setMembers('core', [member('anna')], BY),
      other.setMembers('core', [member('bert')], BY),
    ]);
    expect(
      directory
        .findTeam('core')
        ?.members.map(({ user }) => user)
        .sort(),
    ).toEqual(['anna', 'bert']);
    await other.removeMembers('core', ['anna'], BY);
    await expect.poll(() => directory.findTeam('core')?.members.map(({ user }) => user)).toEqual(['bert']);
    await other[Symbol.asyncDispose]();
  });
});
