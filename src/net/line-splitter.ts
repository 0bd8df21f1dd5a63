const LF = 0x0a;
const CR = 0x0d;

/** Cuts a stream of bytes into lines without copying what arrives whole, and without quadratic work on what does not. */
export class LineSplitter {
  readonly #max: number;
  readonly #onLine: (line: Buffer) => void;
  readonly #onOverflow: () => void;
  #parts: Buffer[] = [];
  #bytes = 0;
  #overflowed = false;

  /** A line longer than `bytesMax` calls `onOverflow` once; nothing is delivered afterwards. */
  constructor(bytesMax: number, onLine: (line: Buffer) => void, onOverflow: () => void) {
    this.#max = bytesMax;
    this.#onLine = onLine;
    this.#onOverflow = onOverflow;
  }

  push(chunk: Buffer): void {
    let start = 0;
    while (!this.#overflowed) {
      const end = chunk.indexOf(LF, start);
      if (end < 0) break;
      this.#emit(chunk.subarray(start, end));
      start = end + 1;
    }
    if (this.#overflowed || start >= chunk.length) return;
    this.#bytes += chunk.length - start;
    if (this.#bytes > this.#max) this.#overflow();
    else this.#parts.push(chunk.subarray(start));
  }

  #emit(tail: Buffer): void {
    const bytes = this.#bytes + tail.length;
    if (bytes > this.#max) {
      this.#overflow();
      return;
    }
    const line = this.#parts.length === 0 ? tail : Buffer.concat([...this.#parts, tail], bytes);
    this.#parts = [];
    this.#bytes = 0;
    this.#onLine(line.at(-1) === CR ? line.subarray(0, -1) : line);
  }

  #overflow(): void {
    this.#overflowed = true;
    this.#parts = [];
    this.#onOverflow();
  }
}
