import type { Requirement } from './requirements.ts';

/** The operator API and its commands. */
export const ADMIN = {
  'admin:litellm': {
    source: 'https://docs.litellm.ai/docs/proxy/virtual_keys',
    promise:
      "LiteLLM's documented calls for keys, users, teams and spend are answered as its documentation says.",
  },
  'admin:described': {
    source: 'docs/reference/api.md',
    promise:
      'Every operation is described by the schemas that it is checked with, with a request that works.',
  },
  'admin:problems-at-once': {
    source: 'docs/reference/api.md',
    promise: 'A request with problems is refused with all of them, each named by its field.',
  },
  'rest:list': {
    source: 'docs/guide/migrate-from-litellm.md',
    promise:
      'GET /mcp-rest/tools/list gives the tools of a key with their servers, and says which server is not there or does not answer.',
  },
  'rest:call': {
    source: 'docs/guide/migrate-from-litellm.md',
    promise:
      "POST /mcp-rest/tools/call calls a tool with the same rights, limits and record as /mcp, and answers in both of LiteLLM's shapes.",
  },
  'admin:protection': {
    source: 'docs/guide/keys.md',
    promise:
      'A field of LiteLLM that would protect and cannot here is refused; one that is kept without effect is told in the answer.',
  },
  'keys:shown-once': {
    source: 'docs/guide/keys.md',
    promise: 'The value of a key is in the answer that makes it and nowhere else.',
  },
  'keys:commands': {
    source: 'docs/guide/keys.md',
    promise: '`lanport keys` makes, lists, shows, rotates and revokes keys of a running gateway.',
  },
  'keys:litellm-client': {
    source: 'docs/guide/keys.md',
    promise: "LiteLLM's own Python client and its command line manage keys and users.",
  },
} as const satisfies Record<string, Requirement>;
