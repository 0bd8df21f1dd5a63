import type { CallStart } from '../store/call-records.ts';

/** What is the same for most calls of one client to one tool: a start as it was given, and what is written of those fields. */
interface Kind {
  readonly given: CallStart;
  readonly text: string;
}

/** Kinds that are remembered; when there are more, all are forgotten. */
const KINDS_MAX = 1_000;

/** Writes what is the same for most calls of one kind, once for each kind. */
export class CallKinds {
  readonly #kinds = new Map<string, Kind>();
  readonly #write: (start: CallStart) => string;

  /** `write`: of nothing but what `isSameKind` compares. */
  constructor(write: (start: CallStart) => string) {
    this.#write = write;
  }

  textOf(start: CallStart): string {
    const name = start.toolName ?? start.operation;
    const known = this.#kinds.get(name);
    if (known !== undefined && isSameKind(known.given, start)) return known.text;
    const text = this.#write(start);
    if (this.#kinds.size >= KINDS_MAX) this.#kinds.clear();
    this.#kinds.set(name, { given: start, text });
    return text;
  }
}

/** Whether two starts differ in nothing but their id, times, size, trace and cause. */
function isSameKind(a: CallStart, b: CallStart): boolean {
  return (
    a.toolName === b.toolName &&
    a.keyId === b.keyId &&
    a.client === b.client &&
    a.address === b.address &&
    a.server === b.server &&
    a.originalName === b.originalName &&
    a.rule === b.rule &&
    a.decision === b.decision &&
    a.kind === b.kind &&
    a.operation === b.operation &&
    a.keyAlias === b.keyAlias &&
    a.user === b.user &&
    a.team === b.team &&
    a.model === b.model
  );
}
