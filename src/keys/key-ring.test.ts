import { hash } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Secret } from '../core/secret.ts';
import { createKeyRing, KEY_CHARACTERS_MAX, KEYS_MAX } from './key-ring.ts';
import type { KeyConfig } from './keys-config.ts';

const key = (value: string, index = 0): KeyConfig => ({
  index,
  source: `virtual_keys[${index}]`,
  value: new Secret(value),
  alias: `alias-${index}`,
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
});

describe('the key ring', () => {
  const ring = createKeyRing({ masterKey: new Secret('sk-master'), keys: [key('sk-a', 0), key('sk-b', 1)] });

  it('finds each key by its value and nothing by any other', () => {
    expect(ring.lookup('sk-master')?.kind).toBe('master');
    expect(ring.lookup('sk-b')).toMatchObject({ kind: 'virtual', key: { alias: 'alias-1' } });
    expect(ring.lookup('sk-c')).toBeUndefined();
    expect(ring.lookup('')).toBeUndefined();
    expect(ring.lookup(hash('sha256', 'sk-a', 'hex'))).toBeUndefined();
    expect(ring.size).toBe(3);
  });

  it('names keys by the SHA-256 that LiteLLM keeps', () => {
    expect(ring.lookup('sk-a')?.digest).toBe(hash('sha256', 'sk-a', 'hex'));
  });

  it('answers the same object for the same key', () => {
    expect(ring.lookup('sk-a')).toBe(ring.lookup('sk-a'));
  });

  it('keeps no key value', () => {
    const entry = ring.lookup('sk-a');
    expect(entry?.kind === 'virtual' && 'value' in entry.key).toBe(false);
    expect(inspect(entry, { depth: 10, showHidden: true })).not.toContain('sk-a');
  });

  it('knows whether there is a master key, and is empty without any key', () => {
    expect(ring.hasMasterKey).toBe(true);
    expect(createKeyRing({ masterKey: undefined, keys: [] })).toMatchObject({ hasMasterKey: false, size: 0 });
  });

  it('lets the master key win over a virtual key of the same value', () => {
    const same = createKeyRing({ masterKey: new Secret('sk-x'), keys: [key('sk-x')] });
    expect(same.lookup('sk-x')?.kind).toBe('master');
  });

  it('does not hash what is too long to be a key, and refuses to hold such keys', () => {
    const longest = 'k'.repeat(KEY_CHARACTERS_MAX);
    expect(createKeyRing({ masterKey: new Secret(longest), keys: [] }).lookup(longest)?.kind).toBe('master');
    expect(ring.lookup(`${longest}k`)).toBeUndefined();
    expect(() => createKeyRing({ masterKey: undefined, keys: [key(`${longest}k`)] })).toThrow(
      'virtual_keys[0] has a key of 513 characters; 1 to 512 are allowed',
    );
  });

  it('is bounded', () => {
    const keys = Array.from({ length: KEYS_MAX + 1 }, () => key('sk-a'));
    expect(() => createKeyRing({ masterKey: undefined, keys })).toThrow('100001 virtual keys are configured');
  });
});
