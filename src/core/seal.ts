import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** Bytes of each secret that `createSeal` takes. */
export const SEAL_SECRET_BYTES = 32;
const TOKEN_CHARACTERS_MAX = 256 * 1024;

export interface Seal {
  /** `text`, encrypted and authenticated, as base64url. */
  seal(text: string): string;
  /** The text, or `undefined` when the token was made with none of these secrets or was changed. */
  open(token: string): string | undefined;
}

/**
 * Seals texts so that whoever carries them can neither read nor change them (AES-256-GCM, NIST SP 800-38D). Of `secrets` the first seals and
 * all open, and they are asked for each time, so that a secret can be replaced while what it sealed is still about. `purpose` is authenticated too: what was sealed for
 * one purpose does not open for another. Tokens of more than `charactersMax` are not opened.
 */
export function createSeal(
  secrets: () => readonly Uint8Array[],
  purpose: string,
  charactersMax: number = TOKEN_CHARACTERS_MAX,
): Seal {
  for (const secret of secrets())
    if (secret.length !== SEAL_SECRET_BYTES)
      throw new Error(`a seal needs ${SEAL_SECRET_BYTES} bytes, not ${secret.length}`);
  const context = Buffer.from(purpose);
  return {
    seal(text) {
      const current = secrets()[0];
      if (current === undefined) throw new Error('a seal needs a secret');
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv(ALGORITHM, current, iv).setAAD(context);
      return Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
        'base64url',
      );
    },
    open(token) {
      if (token.length > charactersMax) return undefined;
      const bytes = Buffer.from(token, 'base64url');
      if (bytes.length < IV_BYTES + TAG_BYTES || bytes.toString('base64url') !== token) return undefined;
      for (const secret of secrets()) {
        const text = openWith(secret, bytes, context);
        if (text !== undefined) return text;
      }
      return undefined;
    },
  };
}

function openWith(secret: Uint8Array, bytes: Buffer, context: Buffer): string | undefined {
  try {
    const decipher = createDecipheriv(ALGORITHM, secret, bytes.subarray(0, IV_BYTES)).setAAD(context);
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    return decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
  } catch {
    return undefined;
  }
}
