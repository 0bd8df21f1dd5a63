import type { CallBody } from '../store/store-ports.ts';
import { assembleStream } from './stream-text.ts';

/** Gathers the beginning of an answer that goes by. */
export class BodyCapture {
  readonly #max: number;
  readonly #parts: Buffer[] = [];
  #kept = 0;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#max = bytesMax;
  }

  /** Never throws, never waits. */
  add(bytes: Buffer | readonly Buffer[]): void {
    if (!Buffer.isBuffer(bytes)) {
      for (const part of bytes) this.add(part);
      return;
    }
    this.#bytes += bytes.length;
    const room = this.#max - this.#kept;
    if (room <= 0) return;
    // A copy: what goes out may be a part of something much larger.
    const part = Buffer.from(bytes.subarray(0, room));
    this.#parts.push(part);
    this.#kept += part.length;
  }

  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  take(): RawBody {
    return { bytes: Buffer.concat(this.#parts), whole: this.#bytes };
  }
}

/** What was gathered of a body, as it came. */
export interface RawBody {
  readonly bytes: Buffer;
  /** Length of all of it. */
  readonly whole: number;
}

const REPLACEMENT = '\ufffd';

/** A body as it is kept: `redact` takes the secrets out of its text. */
export function keptBody(
  call: Pick<CallBody, 'callId' | 'startedAt' | 'part'>,
  { bytes, whole }: RawBody,
  redact: (text: string, isCut: boolean) => string,
): CallBody {
  const isCut = bytes.length < whole;
  const text = bytes.toString('utf8');
  const assembled = assembleStream(text, isCut);
  const content = redact(assembled ?? text, isCut && assembled === undefined)
    .replaceAll('\0', REPLACEMENT)
    .toWellFormed();
  return { ...call, content, bytes: whole, droppedBytes: whole - bytes.length };
}
