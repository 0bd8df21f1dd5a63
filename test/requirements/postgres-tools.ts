import type { Requirement } from './requirements.ts';

const GUIDE = 'docs/guide/postgres.md';

/** What the PostgreSQL connector's tools promise. */
export const POSTGRES_TOOLS = {
  'postgres:toolsets': {
    source: `${GUIDE}, "Tools"`,
    promise:
      'Models see six tools in fewer than 2,000 tokens, and more only where the operator asks for them.',
  },
  'postgres:aliases': {
    source: `${GUIDE}, "Tools"`,
    promise: '`query` and `list_tables` work where they are switched on, and read as the others do.',
  },
  'postgres:structured': {
    source: `${GUIDE}, "Tools"`,
    promise:
      'Every result is data that fits the output schema, and the same as text between marks that it cannot know.',
  },
  'postgres:search': {
    source: `${GUIDE}, "Tools"`,
    promise: 'Tables are found by their name, a column or a comment, as briefly as asked.',
  },
  'postgres:diagram': {
    source: `${GUIDE}, "Tools"`,
    promise:
      'A bounded Mermaid diagram shows tables, keys and the cardinality of foreign keys; names cannot break out.',
  },
  'postgres:sample': {
    source: `${GUIDE}, "Tools"`,
    promise: 'A sample shows the columns that the role may read, under the same guard as any statement.',
  },
  'postgres:cursor': {
    source: `${GUIDE}, "Tools"`,
    promise:
      "A cut result goes on with its cursor; a cursor that was changed, is old, or is another principal's opens nothing.",
  },
  'postgres:write': {
    source: `${GUIDE}, "Writing"`,
    promise:
      'Writing is a tool of its own on a role of its own, tells how many rows it changed, and can be tried out first.',
  },
  'postgres:several-databases': {
    source: `${GUIDE}, "Several databases"`,
    promise:
      'Tools take the argument `database` when there are several; one that is down leaves the others working.',
  },
  'postgres:resources-and-prompts': {
    source: `${GUIDE}, "Resources and prompts"`,
    promise:
      'Schemas and tables are resources, three prompts lead through common work, and names are completed.',
  },
  'postgres:progress': {
    source: `${GUIDE}, "Long statements"`,
    promise: 'Long work tells of its progress; a cancelled call ends its statement on the server.',
  },
  'postgres:environment': {
    source: `${GUIDE}, "As a server of its own"`,
    promise: 'The documented variables and the flags of postgres-mcp are understood.',
  },
} as const satisfies Record<string, Requirement>;
