import { GatewayError } from '../core/errors.ts';
import type { AccountKind, AccountTable, AccountWrite } from '../store/account-ports.ts';
import { ACCOUNTS_MAX, type AccountSync } from './account-sync.ts';

/** How often a change is made anew because somebody else changed the same row first. */
const ATTEMPTS_MAX = 20;
/** A record as JSON; a team's holds its members. In characters. */
const RECORD_MAX: Readonly<Record<AccountKind, number>> = { key: 65_536, user: 65_536, team: 4_194_304 };

/** Writes a change to the store and brings it into force here. */
export type WriteAccounts = (
  /** What to write, by what is known now; asked again after somebody else was first. Throws what refuses the change. */
  plan: () => readonly AccountWrite[],
) => Promise<void>;

/** Builds it. Rejects with GatewayError, see KeyDirectory. */
export function accountWriter(table: AccountTable, sync: AccountSync): WriteAccounts {
  return async (plan) => {
    if (!table.isWritable) throw new GatewayError('database-missing');
    for (let attempt = 1; ; attempt++) {
      const writes = plan();
      if (writes.length === 0) return;
      checkSizes(writes, sync);
      const result = await reaching(() => table.change(writes));
      switch (result.outcome) {
        case 'kept':
        case 'stale':
          await reaching(() => refresh(writes, sync));
          if (result.outcome === 'kept') return;
          if (attempt === ATTEMPTS_MAX)
            throw new GatewayError('account-contended', { what: nameOf(writes[0]!) });
          break;
        case 'taken':
          throw new GatewayError('account-exists', {
            what: `${nameOf(writes[0]!)} with this ${WORDS[result.what]}`,
          });
        case 'invalid':
          throw new GatewayError('account-invalid', { reason: 'it holds characters that are no text' });
      }
    }
  };
}

const WORDS = { id: 'id', digest: 'value', alias: 'alias' } as const;

async function refresh(writes: readonly AccountWrite[], sync: AccountSync): Promise<void> {
  const readings = writes.map((one) =>
    one.op === 'remove' ? sync.refresh(one.kind, one.ids) : sync.refresh(one.row.kind, [one.row.id]),
  );
  await Promise.all(readings);
}

async function reaching<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    throw new GatewayError('store-unavailable', { reason: 'the database does not answer' }, { cause: error });
  }
}

function checkSizes(writes: readonly AccountWrite[], { index }: AccountSync): void {
  for (const one of writes) {
    if (one.op === 'remove') continue;
    const { kind, record } = one.row;
    if (one.op === 'insert' && index.size(kind) >= ACCOUNTS_MAX[kind])
      throw new GatewayError('accounts-limit', { max: ACCOUNTS_MAX[kind], what: `${kind}s` });
    if (record.length > RECORD_MAX[kind])
      throw new GatewayError('account-invalid', {
        reason: `what is said of the ${kind} is longer than ${RECORD_MAX[kind]} characters`,
      });
  }
}

function nameOf(write: AccountWrite): string {
  return write.op === 'remove' ? write.kind : write.row.kind;
}
