import { mkdtemp, open, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ReservingFile } from './reserving-file.ts';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reserving-'));
  path = join(folder, 'file');
});
afterEach(() => rm(folder, { recursive: true }));

const line = (number: number): string => `${String(number).padStart(900, '.')}\n`;

describe('a file with room reserved', () => {
  it('holds what was appended, in order, and behind it nothing but line feeds', async () => {
    const file = new ReservingFile(await open(path, 'wx'));
    let text = '';
    let withRoom = 0;
    for (let number = 0; number < 300; number++) {
      text += line(number);
      await file.append(Buffer.from(line(number)));
      const kept = await readFile(path, 'utf8');
      expect(kept.slice(0, text.length) === text).toBe(true);
      expect(kept.slice(text.length)).toMatch(/^\n*$/);
      if (kept.length > text.length) withRoom++;
    }
    expect(withRoom).toBeGreaterThan(100);
    await file.close();
    expect(await readFile(path, 'utf8')).toBe(text);
  });

  it('is never written over by its own reservation, however large the appends are', async () => {
    const file = new ReservingFile(await open(path, 'wx'));
    let text = '';
    for (const bytes of [20_000, 50_000, 400_000, 10, 2_000_000, 1, 600_000, 30]) {
      const part = `${'x'.repeat(bytes - 1)}\n`;
      text += part;
      await file.append(Buffer.from(part));
    }
    await file.close();
    expect((await readFile(path, 'utf8')) === text).toBe(true);
  });

  it('can be cut to what counts, and appended to after that', async () => {
    const file = new ReservingFile(await open(path, 'wx'));
    for (let number = 0; number < 40; number++) await file.append(Buffer.from(line(number)));
    await file.truncate(line(0).length);
    expect((await stat(path)).size).toBe(line(0).length);
    await file.append(Buffer.from('after\n'));
    await file.close();
    expect(await readFile(path, 'utf8')).toBe(`${line(0)}after\n`);
  });
});
