import { ACCEPTED_ANALYSIS } from './accepted-analysis.ts';
import { ACCEPTED_KINDS } from './accepted-kinds.ts';
import type { AcceptedClass, RefusedClass } from './corpus-class.ts';
import { REFUSED_CONTENTS } from './refused-contents.ts';
import { REFUSED_STATEMENTS } from './refused-statements.ts';

/** Every class of refused statements. */
export const REFUSED: readonly RefusedClass[] = [...REFUSED_STATEMENTS, ...REFUSED_CONTENTS];

/** Every class of accepted ones. They are written for the demo database and its search path. */
export const ACCEPTED: readonly AcceptedClass[] = [
  { name: 'analysis', statements: ACCEPTED_ANALYSIS },
  ...ACCEPTED_KINDS,
];
