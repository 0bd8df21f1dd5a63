/**
 * The door of the store. The consumers declare what they need (`mcp/mcp-ports.ts` CatalogStore, `ledger/ledger-ports.ts`
 * LedgerStore); a Store has the same shapes structurally, so that nothing here imports a domain.
 */
export interface StoredCatalogRecord {
  readonly server: string;
  readonly fingerprint: string;
  readonly payload: string;
  readonly updatedAt: number;
}
