/** Protocol revisions, oldest first. https://modelcontextprotocol.io/specification/versioning */
export const LEGACY_REVISIONS = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'] as const;
export const MODERN_REVISIONS = ['2026-07-28'] as const;

export const LATEST_LEGACY = '2025-11-25';
export const LATEST_MODERN = '2026-07-28';
/** What a request without a version header speaks (2025-06-18, "Protocol Version Header"). */
export const ASSUMED_LEGACY = '2025-03-26';

/** `legacy` has a handshake and sessions, `modern` carries everything in each request. */
export type Era = 'legacy' | 'modern';

export function eraOf(revision: string): Era | undefined {
  if ((LEGACY_REVISIONS as readonly string[]).includes(revision)) return 'legacy';
  if ((MODERN_REVISIONS as readonly string[]).includes(revision)) return 'modern';
  return undefined;
}

/** The revision that answers a client's `initialize`: its own when known and legacy, else the latest legacy one. */
export function negotiateLegacy(requested: string | undefined): string {
  return requested !== undefined && eraOf(requested) === 'legacy' ? requested : LATEST_LEGACY;
}
