import { randomBytes } from 'node:crypto';

/** Ids of calls that came without one. The provider never sees them; every other format needs them. */
const PREFIX = 'gemini_call_';

export function newCallId(): string {
  return PREFIX + randomBytes(12).toString('hex');
}

/** The same for the same place in a conversation, so that prompt caches of other providers hold. */
export function callIdAt(index: number): string {
  return `${PREFIX}${index}`;
}

/** The id for the provider; `undefined` for those that are ours. */
export function ownCallId(id: string): string | undefined {
  return id.startsWith(PREFIX) || id === '' ? undefined : id;
}
