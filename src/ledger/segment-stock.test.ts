import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../telemetry/log.ts';
import { SegmentStock } from './segment-stock.ts';
import { type SpoolFiles, spoolFolder } from './spool-files.ts';

const KIB = 1024;

let folder: string;
let files: SpoolFiles;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stock-'));
  files = spoolFolder(folder);
});
afterEach(() => rm(folder, { recursive: true }));

const stockOf = (over: Partial<SpoolFiles> = {}, writeMs = 5_000): SegmentStock =>
  new SegmentStock({
    files: { ...files, ...over },
    writer: 'w',
    writeMs,
    roomBytesMax: 150 * KIB,
    log: silentLog,
  });
const sizeOf = async (name: string): Promise<number> => (await stat(join(folder, name))).size;
const diskFull = (): Error => Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });

describe('the stock of segments', () => {
  it('makes each one when the one before is written into, with twice its room, up to the most', async () => {
    let made: Promise<unknown> = Promise.resolve();
    const create: SpoolFiles['create'] = (name, room) => {
      const file = files.create(name, room);
      made = file;
      return file;
    };
    const stock = stockOf({ create });
    const rooms: number[] = [];
    for (const number of [1, 2, 3, 4]) {
      const segment = await stock.take();
      expect(segment.name).toBe(`w-0000000${number}.jsonl`);
      expect(await sizeOf(segment.name)).toBe(segment.room);
      rooms.push(segment.room);
      expect(await readdir(folder)).toHaveLength(number);
      stock.follow(segment);
      await made;
      await setImmediate();
      expect(stock.isReady).toBe(true);
      expect(await readdir(folder)).toHaveLength(number + 1);
      await segment.file.close();
    }
    expect(rooms).toEqual([64 * KIB, 128 * KIB, 150 * KIB, 150 * KIB]);
    await stock.close();
    // What was written is left, without its room; what was not used is gone.
    expect((await readdir(folder)).sort()).toEqual([1, 2, 3, 4].map((number) => `w-0000000${number}.jsonl`));
    expect(await sizeOf('w-00000001.jsonl')).toBe(0);
  });

  it('hands out a file without room where the disk has none, and asks for one once for each file', async () => {
    let asked = 0;
    const stock = stockOf({
      create: (name, room) => {
        if (room === 0) return files.create(name, room);
        asked++;
        return Promise.reject(diskFull());
      },
    });
    const segment = await stock.take();
    expect([segment.room, await sizeOf(segment.name), asked]).toEqual([0, 0, 1]);
    for (let writes = 0; writes < 10; writes++) stock.follow(segment);
    expect(asked).toBe(2);
    expect(stock.isReady).toBe(false);
    await segment.file.append(Buffer.from('{}\n'));
    await segment.file.close();
    await stock.close();
    expect(await readFile(join(folder, segment.name), 'utf8')).toBe('{}\n');
  });

  it('says what the disk says when it takes no file at all', async () => {
    const stock = stockOf({ create: () => Promise.reject(diskFull()) });
    await expect(stock.take()).rejects.toThrow('no space left on device');
    await stock.close();
  });

  it('removes a file that came too late: the numbers of those that are written go up', async () => {
    const late = Promise.withResolvers<void>();
    let isSlow = true;
    const stock = stockOf(
      {
        create: async (name, room) => {
          if (isSlow) await late.promise;
          return files.create(name, room);
        },
      },
      20,
    );
    await expect(stock.take()).rejects.toThrow('opening a file took longer than 20 ms');
    isSlow = false;
    const segment = await stock.take();
    expect(segment.name).toBe('w-00000002.jsonl');
    late.resolve();
    await stock.close();
    await segment.file.close();
    expect(await readdir(folder)).toEqual(['w-00000002.jsonl']);
  });
});
