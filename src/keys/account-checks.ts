import { GatewayError } from '../core/errors.ts';

/** Names and ids, in characters. */
export const NAME_CHARACTERS_MAX = 200;

/** Refuses an id or name that could not be told from others: empty, too long, or with characters that are not shown. */
export function checkText(what: string, text: string | undefined): void {
  if (text === undefined) return;
  if (text.trim() !== '' && text.length <= NAME_CHARACTERS_MAX && !/\p{C}/u.test(text)) return;
  throw new GatewayError('account-invalid', {
    reason: `${what} must be 1 to ${NAME_CHARACTERS_MAX} visible characters`,
  });
}

/** Refuses an alias that might be taken for a key or for its digest: it would be written where keys must not be. */
export function checkAlias(alias: string | undefined): void {
  checkText('key_alias', alias);
  if (alias !== undefined && (alias.startsWith('sk-') || /^(?:[0-9a-f]{16}|[0-9a-f]{64})$/.test(alias)))
    throw new GatewayError('account-invalid', { reason: 'key_alias must not look like a key or its hash' });
}
