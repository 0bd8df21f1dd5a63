import { hash, type KeyObject } from 'node:crypto';

/** HMAC-SHA-256 (RFC 2104) of `bytes`, in hexadecimal; `before`: hexadecimal of at most 64 bytes that stand before them. */
export type KeyedHash = (bytes: Uint8Array | string, before?: string) => string;

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
const BEFORE_BYTES_MAX = 64;
/** What is longer is put together in a buffer of its own. */
const KEPT_BYTES = 16 * 1024;

/** A function for one key: of short texts, and those are hashed for each call, it costs a third less than an Hmac object for each. */
export function keyedHash(key: KeyObject): KeyedHash {
  const given = key.export();
  const block = Buffer.alloc(BLOCK_BYTES);
  (given.length > BLOCK_BYTES ? hash('sha256', given, 'buffer') : given).copy(block);
  const kept = Buffer.allocUnsafeSlow(BLOCK_BYTES + KEPT_BYTES);
  kept.set(block.map((byte) => byte ^ 0x36));
  const outer = Buffer.allocUnsafeSlow(BLOCK_BYTES + DIGEST_BYTES);
  outer.set(block.map((byte) => byte ^ 0x5c));
  return (text, before = '') => {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    const isShort = bytes.length <= KEPT_BYTES - BEFORE_BYTES_MAX;
    const inner = isShort ? kept : Buffer.concat([kept], BLOCK_BYTES + BEFORE_BYTES_MAX + bytes.length);
    const from =
      BLOCK_BYTES + (before === '' ? 0 : inner.write(before, BLOCK_BYTES, BEFORE_BYTES_MAX, 'hex'));
    inner.set(bytes, from);
    // Text, because a buffer that is made for a result costs more than the hash.
    outer.write(hash('sha256', inner.subarray(0, from + bytes.length), 'latin1'), BLOCK_BYTES, 'latin1');
    return hash('sha256', outer, 'hex');
  };
}
