import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ERRORS, GatewayError, publicText } from './errors.ts';
import { createIdSource } from './ids.ts';
import { Scope, withDeadline } from './scope.ts';
import { createSeal, SEAL_SECRET_BYTES } from './seal.ts';
import { Secret } from './secret.ts';
import { verifies } from '../../test/support/verifies.ts';

describe('a secret', () => {
  it('is printed by nothing', () => {
    verifies('core:secrets');
    const secret = new Secret('hunter2');
    const shown = [
      String(secret),
      ['', secret].join(''),
      JSON.stringify({ secret }),
      inspect({ secret }),
      inspect(secret, { showHidden: true }),
    ].join(' ');
    expect(shown).not.toContain('hunter2');
    expect(secret.reveal()).toBe('hunter2');
  });
});

describe('ids', () => {
  it('are UUIDs of version 7, unique and in order, also within a millisecond and when the clock goes back', () => {
    let now = 1_000_000;
    const newId = createIdSource(() => now);
    const ids = Array.from({ length: 5_000 }, (_value, at) => {
      if (at === 2_500) now -= 500;
      if (at === 4_000) now += 2_000;
      return newId();
    });
    for (const id of ids)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set(ids).size).toBe(ids.length);
    const order = ids.map((id) => id.slice(0, 18));
    expect([...order].sort()).toEqual(order);
  });
});

describe('a scope', () => {
  it('closes in reverse order, goes on after a step that throws or hangs, and says which', async () => {
    const closed: string[] = [];
    const scope = new Scope();
    scope.add('first', () => void closed.push('first'));
    scope.add('throws', () => Promise.reject(new Error('no')));
    scope.add('hangs', () => new Promise(() => undefined), 20);
    scope.add('last', () => void closed.push('last'));
    const failures = await scope.close();
    expect(closed).toEqual(['last', 'first']);
    expect(failures.map((failure) => failure.name)).toEqual(['hangs', 'throws']);
    expect(await scope.close()).toBe(failures);
    expect(() => scope.add('late', () => undefined)).toThrow(/late came too late/);
  });

  it('a deadline passes on what came in time', async () => {
    expect(await withDeadline(Promise.resolve(7), 1_000, 'x')).toBe(7);
    await expect(withDeadline(new Promise(() => undefined), 10, 'waiting')).rejects.toThrow(
      'waiting took longer than 10 ms',
    );
  });
});

describe('a seal', () => {
  it('opens what it sealed, and nothing that was made or changed elsewhere', () => {
    const seal = createSeal(() => [Buffer.alloc(SEAL_SECRET_BYTES, 1)], 'test');
    const token = seal.seal('{"p":"key"}');
    expect(token).toMatch(/^[\w-]+$/);
    expect(seal.open(token)).toBe('{"p":"key"}');
    expect(seal.seal('{"p":"key"}')).not.toBe(token);
    expect(createSeal(() => [Buffer.alloc(SEAL_SECRET_BYTES, 2)], 'test').open(token)).toBeUndefined();
    for (let at = 0; at < token.length; at++)
      expect(
        seal.open(`${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`),
      ).toBeUndefined();
    expect(seal.open('')).toBeUndefined();
    expect(() => createSeal(() => [Buffer.alloc(5)], 'test')).toThrow(/32 bytes/);
  });
});

describe('errors', () => {
  it('fill their texts, and leave visible what was not given', () => {
    expect(publicText('server-unknown', { name: 'x', known: 'a, b' })).toBe(
      'There is no MCP server, alias or access group named "x" for this key. It may use: a, b.',
    );
    expect(publicText('server-unknown')).toContain('{name}');
    expect(new GatewayError('server-busy', { server: 's', max: 3 })).toMatchObject({
      status: 200,
      rpcCode: 1442,
      retryable: true,
    });
  });

  it('have texts that end, and own codes outside the range of the specification', () => {
    for (const [code, row] of Object.entries(ERRORS)) {
      expect(row.text, code).toMatch(/[.}]$/);
      if (row.rpc < 0) expect(row.rpc, code).toBeGreaterThanOrEqual(-32_768);
      else expect(row.rpc, code).toBeGreaterThan(0);
    }
  });
});
