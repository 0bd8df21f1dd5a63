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
  it('holds what was appended, in order, and behind it nothing but line feeds, and grows when the room is used up', async () => {
    const file = new ReservingFile(await open(path, 'wx'));
    await file.reserve(200_000);
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
    expect(withRoom).toBe(Math.floor(200_000 / line(0).length));
    await file.close();
    expect(await readFile(path, 'utf8')).toBe(text);
  });

  it('has exactly the room that it was given', async () => {
    const file = new ReservingFile(await open(path, 'wx'));
    await file.reserve(1_300_000.7);
    expect((await stat(path)).size).toBe(1_300_000);
    await file.append(Buffer.from('x'.repeat(1_400_000)));
    await file.close();
    expect((await stat(path)).size).toBe(1_400_000);
  });

  it('can be cut to what counts, and appended to after that', async () => {
    const file = new ReservingFile(await open(path, 'wx'));
    await file.reserve(50_000);
    for (let number = 0; number < 40; number++) await file.append(Buffer.from(line(number)));
    await file.truncate(line(0).length);
    expect((await stat(path)).size).toBe(line(0).length);
    await file.append(Buffer.from('after\n'));
    await file.close();
    expect(await readFile(path, 'utf8')).toBe(`${line(0)}after\n`);
  });
});
