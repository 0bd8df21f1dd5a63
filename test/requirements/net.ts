/** What holds for every connection, child and secret. */
export const NET = {
  'net:strict-http': {
    source: 'https://www.rfc-editor.org/rfc/rfc9112',
    promise:
      "A response that two readers could read in two ways is refused, and no bytes are taken for another request's response.",
  },
  'net:process-trees': {
    source: 'https://modelcontextprotocol.io/specification/2025-11-25/basic/transports',
    promise: 'A child is ended with everything that it started, and inherits only the listed variables.',
  },
  'core:secrets': { source: 'SECURITY.md', promise: 'A secret is printed by nothing.' },
} as const;
