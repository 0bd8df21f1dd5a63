import type { TestGateway } from './gateway.ts';
import { http } from './http.ts';

/** A ledger row, as the operator's API shows it. */
export interface LedgerEntry {
  readonly id: string;
  readonly traceId?: string;
  readonly server?: string;
  readonly status?: string;
  readonly errorCode?: string;
  readonly endedAt?: string;
}

const PAGE = 1_000;
const END_MS = 10_000;

/** All rows, once every call has ended; what has not ended after a while is among them all the same. */
export async function ledgerRows(gateway: TestGateway): Promise<LedgerEntry[]> {
  const giveUpAt = performance.now() + END_MS;
  for (;;) {
    const rows: LedgerEntry[] = [];
    for (
      let page: LedgerEntry[] | undefined;
      page === undefined || page.length === PAGE;
      rows.push(...page)
    ) {
      const before = rows.length === 0 ? '' : `&before=${rows.at(-1)!.id}`;
      const answer = await http(`${gateway.url}/v1/ledger?limit=${PAGE}${before}`, {
        headers: { authorization: `Bearer ${gateway.key}` },
      });
      page = answer.json<LedgerEntry[]>();
    }
    if (rows.every(({ status }) => status !== undefined) || performance.now() > giveUpAt) return rows;
  }
}
