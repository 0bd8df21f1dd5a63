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
    for (const number of [1, 2, 3, 4, 5]) {
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
      await segment.file.append(Buffer.from('{}\n'));
      await segment.file.close();
    }
    expect(rooms).toEqual([0, 64 * KIB, 128 * KIB, 150 * KIB, 150 * KIB]);
    await stock.close();
    // What was written is left, without its room; what was not used is gone.
    const names = [1, 2, 3, 4, 5].map((number) => `w-0000000${number}.jsonl`);
    expect((await readdir(folder)).sort()).toEqual(names);
    for (const name of names) expect(await readFile(join(folder, name), 'utf8')).toBe('{}\n');
  });

  it('asks a full disk for room once for each file, and not beside the file that came after a refusal', async () => {
    let asked = 0;
    const stock = stockOf({
      create: (name, room) => {
        if (room === 0) return files.create(name, room);
        asked++;
        return Promise.reject(diskFull());
      },
    });
    const askOf = async (): Promise<number> => {
      const segment = await stock.take();
      expect([segment.room, await sizeOf(segment.name)]).toEqual([0, 0]);
      for (let writes = 0; writes < 10; writes++) {
        stock.follow(segment);
        await setImmediate();
        expect(stock.isReady).toBe(false);
      }
      await segment.file.append(Buffer.from('{}\n'));
      await segment.file.close();
      expect(await readFile(join(folder, segment.name), 'utf8')).toBe('{}\n');
      return asked;
    };
    expect([await askOf(), await askOf(), await askOf()]).toEqual([1, 1, 2]);
    await stock.close();
  });

  it('says what the disk says when it takes no file at all', async () => {
    const stock = stockOf({ create: () => Promise.reject(diskFull()) });
    await expect(stock.take()).rejects.toThrow('no space left on device');
    await stock.close();
  });

  it('waits for no room: who needs a file before the next one is ready gets one without, and the other is removed', async () => {
    const late = Promise.withResolvers<void>();
    const stock = stockOf({
      create: async (name, room) => {
        if (room > 0) await late.promise;
        return files.create(name, room);
      },
    });
    const first = await stock.take();
    stock.follow(first);
    const second = await stock.take();
    expect([first.name, second.name]).toEqual(['w-00000001.jsonl', 'w-00000003.jsonl']);
    expect(second.room).toBe(0);
    late.resolve();
    await stock.close();
    await first.file.close();
    await second.file.close();
    expect((await readdir(folder)).sort()).toEqual(['w-00000001.jsonl', 'w-00000003.jsonl']);
  });

  it('refuses within the deadline when the disk does not answer, and removes what comes later', async () => {
    const late = Promise.withResolvers<void>();
    const stock = stockOf(
      {
        create: async (name, room) => {
          await late.promise;
          return files.create(name, room);
        },
      },
      20,
    );
    await expect(stock.take()).rejects.toThrow('opening a file took longer than 20 ms');
    late.resolve();
    await stock.close();
    expect(await readdir(folder)).toEqual([]);
  });

  it('makes no files ahead where there is so little room that a few records use it up, nor after its end', async () => {
    const asked: number[] = [];
    const create: SpoolFiles['create'] = (name, room) => {
      asked.push(room);
      return files.create(name, room);
    };
    const tiny = new SegmentStock({
      files: { ...files, create },
      writer: 'tiny',
      writeMs: 5_000,
      roomBytesMax: 4_095,
      log: silentLog,
    });
    const one = await tiny.take();
    tiny.follow(one);
    const stock = stockOf({ create });
    const other = await stock.take();
    stock.stop();
    stock.follow(other);
    expect(asked).toEqual([0, 0]);
    await Promise.all([one.file.close(), other.file.close(), tiny.close(), stock.close()]);
  });
});
