import { GatewayError } from '../../core/errors.ts';
import type { KeyRecord } from '../../keys/account-records.ts';
import type { IssuedKey } from '../../keys/key-directory.ts';
import { showKey } from '../accounts/show-account.ts';
import { spendOf, spendOfAll } from '../accounts/spend-of.ts';
import type { AdminDeps } from '../admin-ports.ts';

/** A key as it is answered, with what it has spent. */
export async function shown(key: KeyRecord, deps: AdminDeps): Promise<Record<string, unknown>> {
  return showKey(key, await spendOf('key', key, deps), deps);
}

/** Several keys. */
export async function shownAll(
  keys: readonly KeyRecord[],
  deps: AdminDeps,
): Promise<readonly Record<string, unknown>[]> {
  const spent = await spendOfAll('key', keys, deps);
  return keys.map((key) => showKey(key, spent.get(key.id) ?? 0, deps));
}

/** A new key with its value. */
export async function issued({ key, record }: IssuedKey, deps: AdminDeps): Promise<Record<string, unknown>> {
  return { ...(await shown(record, deps)), key: key.reveal(), token_id: record.digest };
}

/** A key by what the request calls it. Throws `key-unknown`, which never repeats the value of a key. */
export function keyOf(ref: string, { keys }: AdminDeps): KeyRecord {
  const key = keys.findKey(ref);
  if (key === undefined) throw keyUnknown(ref);
  return key;
}

/** The refusal of a key that is not known. */
export function keyUnknown(ref: string): GatewayError {
  const name = ref.startsWith('sk-') ? `sk-...${ref.slice(-4)}` : `"${ref.slice(0, 64)}"`;
  return new GatewayError('key-unknown', { key: name }, { data: { param: 'key' } });
}
