import type { Requirement } from './requirements.ts';

const GUIDE = 'docs/guide/postgres.md, "Advice"';

/** What the PostgreSQL connector's advice promises. */
export const POSTGRES_ADVICE = {
  'postgres:hypothetical-indexes': {
    source: GUIDE,
    promise:
      'An index is tried without being kept, and the plan with it is the one that the real index gives.',
  },
  'postgres:top-queries': {
    source: GUIDE,
    promise:
      'The dearest statements are shown without their constants; what hides them is said, never an empty list.',
  },
  'postgres:health-finds-flaws': {
    source: GUIDE,
    promise:
      "A review of health finds each of the demo's planted flaws, and names nothing that is not there.",
  },
  'postgres:health-says-what-it-saw': {
    source: GUIDE,
    promise: 'Each check says how many things it examined and what this role could not see.',
  },
  'postgres:index-advice': {
    source: GUIDE,
    promise: 'A recommended index, really created, lowers the cost as was said; nothing else is recommended.',
  },
  'postgres:advice-changes-nothing': {
    source: GUIDE,
    promise: 'Advice leaves no index, no setting and no hypothetical index behind.',
  },
} as const satisfies Record<string, Requirement>;
