import { GatewayError } from '../core/errors.ts';
import { codingOf, decompress } from '../net/decompress.ts';

/** A request's body without its content coding (Codex may send zstd). Rejects with GatewayError `body-…`. */
export async function plainBody(
  bytes: Buffer,
  contentEncoding: string | undefined,
  bytesMax: number,
): Promise<Buffer> {
  const coding = codingOf(contentEncoding);
  if (coding === 'identity') return bytes;
  if (coding === undefined)
    throw new GatewayError('body-coding', { coding: String(contentEncoding).slice(0, 80) });
  try {
    return await decompress(bytes, coding, bytesMax);
  } catch (error) {
    if (error instanceof RangeError) throw new GatewayError('body-too-large', { max: bytesMax });
    throw new GatewayError('body-damaged', { coding }, { cause: error });
  }
}
