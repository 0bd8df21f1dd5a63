import type { Clock } from '../../core/clock.ts';
import { createSeal } from '../../core/seal.ts';
import { InvalidArguments } from '../../mcp/tool-arguments.ts';

/** Where an answer goes on: the call that it answered, and how much of it has been given. */
export interface Page {
  readonly database: string;
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
  /** Rows or objects that were given already. */
  readonly skip: number;
}

const CURSOR_MS = 30 * 60_000;
/** Of one page's JSON text; a longer statement has no cursor. */
const PAGE_BYTES_MAX = 8 * 1024;
/** Each page runs the statement anew and leaves these out. */
const SKIP_MAX = 100_000;
const PURPOSE = 'postgres-cursor';
const MS = 1_000;

/**
 * Cursors carry their page themselves, sealed: nothing is kept here, none can be made up or changed, and one principal's does not open
 * for another. They hold half an hour, in every process that has the secrets.
 */
export class Cursors {
  readonly #secrets: () => readonly Uint8Array[];
  readonly #scope: string;
  readonly #clock: Clock;

  /** `secrets`: of 32 bytes each; the first seals, all open. `scope`: the server, so that cursors of another do not open here. */
  constructor(secrets: () => readonly Uint8Array[], scope: string, clock: Clock) {
    this.#secrets = secrets;
    this.#scope = scope;
    this.#clock = clock;
  }

  /** The cursor of a page; `null` when it is too far on, or its statement too long. */
  write({ database, tool, args, skip }: Page, principalId: string | undefined): string | null {
    if (skip > SKIP_MAX) return null;
    const expires = Math.ceil((this.#clock.now() + CURSOR_MS) / MS);
    const text = JSON.stringify([expires, database, tool, skip, args]);
    if (Buffer.byteLength(text) > PAGE_BYTES_MAX) return null;
    return this.#sealFor(principalId).seal(text);
  }

  /** Throws InvalidArguments that says what to do. */
  read(cursor: string, principalId: string | undefined): Page {
    const sealed = this.#sealFor(principalId).open(cursor);
    if (sealed === undefined)
      throw new InvalidArguments(
        'Argument "cursor" is not a next_cursor that was given to you here; make the first call again.',
      );
    const [expires, database, tool, skip, args] = JSON.parse(sealed) as [
      number,
      string,
      string,
      number,
      Record<string, unknown>,
    ];
    if (this.#clock.now() > expires * MS)
      throw new InvalidArguments(
        `Argument "cursor" has expired: a cursor holds ${CURSOR_MS / 60_000} minutes. Make the first call again.`,
      );
    return { database, tool, args, skip };
  }

  #sealFor(principalId: string | undefined): ReturnType<typeof createSeal> {
    return createSeal(this.#secrets, JSON.stringify([PURPOSE, this.#scope, principalId ?? null]));
  }
}
