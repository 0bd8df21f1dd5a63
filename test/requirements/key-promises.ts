import type { Requirement } from './requirements.ts';

/** What is promised of keys, users and teams. */
export const KEY_PROMISES = {
  'keys:durable': {
    source: 'docs/guide/keys.md',
    promise:
      'A key, user or team comes back from the store with everything that was said of it; a key never with its value.',
  },
  'keys:defaults': {
    source: 'docs/guide/keys.md',
    promise:
      'Keys, users and teams that are made over the API get what the configuration says where the request says nothing; no key gets more than its upper bounds.',
  },
  'keys:member-permissions': {
    source: 'docs/guide/keys.md',
    promise: 'Members of a team who are no admins see its keys only where the team says so.',
  },
  'keys:everywhere': {
    source: 'docs/guide/keys.md',
    promise:
      'A change of a key, user or team is in force when it is answered, and on every gateway of the same database as soon as it hears of it; what was made at one gateway is known to another one that is asked afterwards; open streams of a key that is not valid any more are closed.',
  },
  'keys:rotation': {
    source: 'docs/guide/keys.md',
    promise:
      'A key with a new value is the same account, and its old value goes on working for the grace period.',
  },
  'keys:store-away': {
    source: 'docs/guide/keys.md',
    promise:
      'While the database is away, known keys go on working and changes are refused with a sentence that says so.',
  },
  'keys:no-database': {
    source: 'docs/guide/keys.md',
    promise:
      'Without a database, the keys of the configuration count, and changes are refused with a sentence that says so.',
  },
  'keys:shared-rights': {
    source: 'docs/guide/keys.md',
    promise:
      'A key may use what it, its team and its user may all use; lists and calls agree, and the rule that decided is named.',
  },
  'keys:routes': {
    source: 'docs/guide/keys.md',
    promise: 'A key that is for some routes only is refused on others.',
  },
} as const satisfies Record<string, Requirement>;
