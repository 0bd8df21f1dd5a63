import { promisify } from 'node:util';
import {
  brotliDecompress,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
  gunzip,
  inflate,
  zstdDecompress,
} from 'node:zlib';
import type { Transform } from 'node:stream';

/** Content codings that can be undone (RFC 9110, section 8.4.1; RFC 8878 for zstd). */
export type Coding = 'gzip' | 'br' | 'zstd' | 'deflate';

/** The coding that a Content-Encoding header names; `identity` for none; `undefined` for one that is not known, or several. */
export function codingOf(header: string | undefined): Coding | 'identity' | undefined {
  switch (header?.trim().toLowerCase() ?? '') {
    case '':
    case 'identity':
      return 'identity';
    case 'gzip':
    case 'x-gzip':
      return 'gzip';
    case 'br':
      return 'br';
    case 'zstd':
      return 'zstd';
    case 'deflate':
      return 'deflate';
    default:
      return undefined;
  }
}

const WHOLE = {
  gzip: promisify(gunzip),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
  deflate: promisify(inflate),
} as const;

const STREAMS: Readonly<Record<Coding, () => Transform>> = {
  gzip: createGunzip,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
  deflate: createInflate,
};

/** The bytes without their coding. Rejects with a RangeError when they become more than `bytesMax`, and with what zlib says otherwise. */
export async function decompress(bytes: Buffer, coding: Coding, bytesMax: number): Promise<Buffer> {
  return await WHOLE[coding](bytes, { maxOutputLength: bytesMax });
}

/** Undoes a coding piece by piece. */
export interface Decompressor {
  /** `false`: more should wait until the sink hears `onDrain`. */
  write(chunk: Buffer): boolean;
  end(): void;
  /** From now on the sink hears nothing until `resume`, except an error. */
  pause(): void;
  resume(): void;
  /** The sink hears nothing any more. */
  destroy(): void;
}

export interface DecompressorSink {
  onData(chunk: Buffer): void;
  /** Takes more after a `write` that answered `false`. */
  onDrain(): void;
  onEnd(): void;
  /** The bytes are no whole and undamaged text in the coding. */
  onError(error: Error): void;
}

export function createDecompressor(coding: Coding, sink: DecompressorSink): Decompressor {
  const stream = STREAMS[coding]();
  stream.on('data', (chunk: Buffer) => sink.onData(chunk));
  stream.on('drain', () => sink.onDrain());
  stream.on('end', () => sink.onEnd());
  stream.on('error', (error: Error) => sink.onError(error));
  return {
    write: (chunk) => stream.write(chunk),
    end: () => void stream.end(),
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
    destroy: () => void stream.destroy(),
  };
}
