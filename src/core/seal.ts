import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** Bytes of the secret that `createSeal` takes. */
export const SEAL_SECRET_BYTES = 32;
const TOKEN_CHARACTERS_MAX = 2_048;

export interface Seal {
  /** `text`, encrypted and authenticated, as base64url. */
  seal(text: string): string;
  /** The text, or `undefined` when the token was not made with this secret or was changed. */
  open(token: string): string | undefined;
}

/** Seals small texts so that whoever carries them can neither read nor change them (AES-256-GCM, NIST SP 800-38D). */
export function createSeal(secret: Uint8Array): Seal {
  if (secret.length !== SEAL_SECRET_BYTES)
    throw new Error(`a seal needs ${SEAL_SECRET_BYTES} bytes, not ${secret.length}`);
  return {
    seal(text) {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv(ALGORITHM, secret, iv);
      return Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
        'base64url',
      );
    },
    open(token) {
      if (token.length > TOKEN_CHARACTERS_MAX) return undefined;
      const bytes = Buffer.from(token, 'base64url');
      if (bytes.length < IV_BYTES + TAG_BYTES || bytes.toString('base64url') !== token) return undefined;
      try {
        const decipher = createDecipheriv(ALGORITHM, secret, bytes.subarray(0, IV_BYTES));
        decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
        return (
          decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
        );
      } catch {
        return undefined;
      }
    },
  };
}
