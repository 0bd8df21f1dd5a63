import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { masterKeyFile } from './master-key-file.ts';

describe('the master key file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'master-key-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is made on the first start, for its owner alone, and read afterwards', () => {
    const path = join(folder, 'data', 'master.key');
    const first = masterKeyFile(path);
    expect(first).toMatchObject({ created: true, path, warning: undefined });
    expect(first.key.reveal()).toMatch(/^sk-[\w-]{43}$/);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const second = masterKeyFile(path);
    expect(second).toMatchObject({ created: false, warning: undefined });
    expect(second.key.reveal()).toBe(first.key.reveal());
    expect(readdirSync(join(folder, 'data'))).toEqual(['master.key']);
  });

  it('holds a different key in every folder', () => {
    const keys = ['a', 'b'].map((name) => masterKeyFile(join(folder, name, 'master.key')).key.reveal());
    expect(new Set(keys).size).toBe(2);
  });

  it('warns when others may read it, without telling the key', () => {
    const path = join(folder, 'master.key');
    const { key } = masterKeyFile(path);
    for (const mode of [0o640, 0o604, 0o620]) {
      chmodSync(path, mode);
      const { warning } = masterKeyFile(path);
      expect(warning).toContain(`chmod 600 ${path}`);
      expect(warning).not.toContain(key.reveal());
    }
  });

  it('never prints the key', () => {
    const made = masterKeyFile(join(folder, 'master.key'));
    expect(`${inspect(made)}${JSON.stringify(made)}`).not.toContain(made.key.reveal());
  });

  it('refuses a file without a usable key and says what to do, leaving it as it is', () => {
    const path = join(folder, 'master.key');
    for (const text of ['', '\n', 'two words\n', 'x'.repeat(2_000)]) {
      writeFileSync(path, text);
      expect(() => masterKeyFile(path)).toThrow(`${path} does not hold a key: delete it`);
      expect(readFileSync(path, 'utf8')).toBe(text);
    }
  });

  it('takes a key that a person wrote there', () => {
    const path = join(folder, 'master.key');
    writeFileSync(path, '  sk-by-hand \n', { mode: 0o600 });
    expect(masterKeyFile(path).key.reveal()).toBe('sk-by-hand');
  });
});
