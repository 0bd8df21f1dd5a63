import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 4096;

/** A source of UUIDs of version 7 (RFC 9562 section 5.7): sortable by creation time, random from a refilled pool. */
export function createIdSource(now: () => number = Date.now): () => string {
  const pool = Buffer.allocUnsafe(POOL_BYTES);
  let offset = POOL_BYTES;
  let lastMs = -1;
  let sequence = 0;
  /** Of `lastMs`. */
  let head = '';
  return () => {
    if (offset + 8 > POOL_BYTES) {
      randomFillSync(pool);
      offset = 0;
    }
    const ms = Math.max(now(), lastMs);
    sequence = ms === lastMs ? sequence + 1 : (pool[offset]! << 2) & 0x3ff;
    if (sequence > 0xfff) sequence = 0xfff;
    if (ms !== lastMs) {
      const time = ms.toString(16).padStart(12, '0');
      head = `${time.slice(0, 8)}-${time.slice(8)}-7`;
      lastMs = ms;
    }
    const counter = sequence.toString(16).padStart(3, '0');
    const variant = (0x80 | (pool[offset]! & 0x3f)).toString(16);
    const tail = pool.toString('hex', offset + 1, offset + 8);
    offset += 8;
    return `${head}${counter}-${variant}${tail.slice(0, 2)}-${tail.slice(2)}`;
  };
}
