import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import {
  brotliCompressSync,
  constants,
  createBrotliCompress,
  createGzip,
  createZstdCompress,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type Coding, codingOf, createDecompressor, decompress } from './decompress.ts';

const TEXT = Buffer.from('größe 😀 and much more of the same. '.repeat(500));
const CODERS: readonly (readonly [Coding, (text: Buffer) => Buffer])[] = [
  ['gzip', gzipSync],
  ['br', brotliCompressSync],
  ['zstd', zstdCompressSync],
  ['deflate', deflateSync],
];

test('a Content-Encoding is known by its names, in any case; several at once are not undone', () => {
  expect([undefined, '', 'identity', 'gzip', 'X-GZip', ' br ', 'zstd', 'deflate'].map(codingOf)).toEqual([
    'identity',
    'identity',
    'identity',
    'gzip',
    'gzip',
    'br',
    'zstd',
    'deflate',
  ]);
  expect(['gzip, br', 'compress', 'aes'].map(codingOf)).toEqual([undefined, undefined, undefined]);
});

/** What comes of these chunks. */
function undone(coding: Coding, chunks: readonly Buffer[]): Promise<Buffer | Error> {
  return new Promise((resolve) => {
    const out: Buffer[] = [];
    const stream = createDecompressor(coding, {
      onData: (chunk) => out.push(chunk),
      onDrain: () => undefined,
      onEnd: () => resolve(Buffer.concat(out)),
      onError: resolve,
    });
    for (const chunk of chunks) stream.write(chunk);
    stream.end();
  });
}

describe.each(CODERS)('%s', (coding, code) => {
  test('is undone, whole and in pieces of one byte', async () => {
    const coded = code(TEXT);
    expect((await decompress(coded, coding, TEXT.length)).equals(TEXT)).toBe(true);
    const pieces = Array.from(coded, (byte) => Buffer.from([byte]));
    expect(((await undone(coding, pieces)) as Buffer).equals(TEXT)).toBe(true);
  });

  test('is refused when it becomes larger than its bound', async () => {
    await expect(decompress(code(TEXT), coding, TEXT.length - 1)).rejects.toThrow(RangeError);
  });

  test('that breaks off or is damaged is an error, never an end', async () => {
    const coded = code(TEXT);
    for (const broken of [coded.subarray(0, -1), coded.subarray(0, 5), Buffer.from('<html>no</html>')]) {
      expect(await undone(coding, [broken])).toBeInstanceOf(Error);
      await expect(decompress(broken, coding, TEXT.length)).rejects.toThrow();
    }
  });

  test('says nothing any more once it is destroyed', async () => {
    const heard: string[] = [];
    const big = code(randomBytes(400_000));
    const stream = createDecompressor(coding, {
      onData: () => {
        heard.push('data');
        stream.destroy();
      },
      onDrain: () => heard.push('drain'),
      onEnd: () => heard.push('end'),
      onError: () => heard.push('error'),
    });
    stream.write(big);
    stream.end();
    // As long as this takes, the other would have taken.
    for (let at = 0; at < 3; at++) await undone(coding, [big]);
    expect(heard).toEqual(['data']);
  });

  test('waits while it is paused, and asks who writes to wait', async () => {
    const big = randomBytes(400_000);
    let told = 0;
    let heardPaused = 0;
    let isPaused = false;
    let drained: () => void;
    const drain = new Promise<void>((resolve) => (drained = resolve));
    const ended = new Promise<void>((resolve, reject) => {
      const stream = createDecompressor(coding, {
        onData: (chunk) => {
          told += chunk.length;
          if (isPaused) heardPaused++;
        },
        onDrain: () => drained(),
        onEnd: resolve,
        onError: reject,
      });
      void (async () => {
        isPaused = true;
        stream.pause();
        expect(stream.write(code(big))).toBe(false);
        for (let at = 0; at < 20; at++) await turn();
        isPaused = false;
        stream.resume();
        await drain;
        stream.end();
      })().catch(reject);
    });
    await ended;
    expect(told).toBe(big.length);
    expect(heardPaused).toBe(0);
  });
});

test.each([
  ['gzip', () => createGzip(), constants.Z_SYNC_FLUSH],
  ['br', () => createBrotliCompress(), constants.BROTLI_OPERATION_FLUSH],
  ['zstd', () => createZstdCompress(), constants.ZSTD_e_flush],
] as const)('%s: what the other side flushed is heard before more comes', async (coding, start, flush) => {
  const coder = start();
  const heard: string[] = [];
  let told: () => void = () => undefined;
  const stream = createDecompressor(coding, {
    onData: (chunk) => {
      heard.push(chunk.toString());
      told();
    },
    onDrain: () => undefined,
    onEnd: () => undefined,
    onError: (error) => {
      throw error;
    },
  });
  coder.on('data', (chunk: Buffer) => void stream.write(chunk));
  for (const text of ['data: one\n\n', 'data: two\n\n']) {
    const arrived = new Promise<void>((resolve) => (told = resolve));
    coder.write(text);
    coder.flush(flush);
    await arrived;
    expect(heard.join('')).toMatch(new RegExp(`${text.trim()}\\s*$`));
  }
  coder.end();
  await once(coder, 'end');
  stream.destroy();
});
