import type { Act, Audit } from './audit.ts';

/** A request that was not let in. */
export interface Refusal {
  /** Code of the error, for example `auth-invalid`. */
  readonly code: string;
  /** Of the edge: `mcp`, `llm`, `admin`. */
  readonly surface: string;
  readonly method: string;
  readonly path: string;
  readonly address: string;
  readonly client: string | undefined;
}

export interface RefusalsDeps {
  readonly audit: Pick<Audit, 'note'>;
  readonly newId: () => string;
}

/** How long refusals of one kind are summed up, in milliseconds. */
export const WINDOW_MS = 60_000;
/** Kinds that are told apart in one window; all others are one kind. */
export const KINDS_MAX = 100;

interface Counted {
  readonly refusal: Refusal;
  more: number;
}

const OTHERS = 'others';

/**
 * Records requests without a valid key, so that a flood of them is not a flood of rows: the first of each kind (error, surface, address) at once, and of those
 * that follow within a minute one row with their number.
 */
export class Refusals implements Disposable {
  readonly #deps: RefusalsDeps;
  readonly #kinds = new Map<string, Counted>();
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: RefusalsDeps) {
    this.#deps = deps;
  }

  /** Never throws, never waits. */
  note(refusal: Refusal): void {
    const kind = `${refusal.code} ${refusal.surface} ${refusal.address}`;
    const known = this.#kinds.get(kind) ?? this.#kinds.get(OTHERS);
    if (known !== undefined) known.more++;
    else if (this.#kinds.size === KINDS_MAX)
      this.#kinds.set(OTHERS, { refusal: { ...refusal, address: 'several' }, more: 1 });
    else {
      this.#kinds.set(kind, { refusal, more: 0 });
      this.#write(refusal, undefined);
    }
    this.#timer ??= setTimeout(() => this.sum(), WINDOW_MS).unref();
  }

  /** Writes what was counted, and begins anew. */
  sum(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const counted = [...this.#kinds.values()];
    this.#kinds.clear();
    for (const { refusal, more } of counted) if (more > 0) this.#write(refusal, more);
  }

  [Symbol.dispose](): void {
    this.sum();
  }

  #write({ code, surface, method, path, address, client }: Refusal, more: number | undefined): void {
    const act: Act = {
      id: this.#deps.newId(),
      operation: `refused ${surface}`,
      keyId: 'none',
      keyAlias: undefined,
      user: undefined,
      team: undefined,
      address,
      client: more === undefined ? client : undefined,
      denied: more === undefined ? code : `${code} (${more} more within a minute)`,
    };
    const details = more === undefined ? { method, path: path.slice(0, 200) } : { more };
    this.#deps.audit.note(act, { errorCode: code, details });
  }
}
