import { IdTable } from '../../core/id-table.ts';
import type { ActiveCall } from './active-call.ts';

/** How long a call that was given up may still be worked on, in milliseconds, as far as we fear. */
const GHOST_MS = 2 * 60_000;
const GHOSTS_MAX = 1_000;
/** Over HTTP, what is said on the common stream may come this much later than the answer to the call that it is about, in milliseconds. */
const LATE_MS = 1_000;

/** Whose a call is: a session, a principal's id, or the id of a call that is nobody's but its own. */
type Owner = object | string | number;

interface Ghost {
  readonly owner: Owner;
  readonly untilMs: number;
}

/**
 * Whose business something is that a server says on a shared stream. A call that was given up counts until its late reply comes, or for two
 * minutes: the server may still be working on it, and what it says then must not reach somebody else.
 */
export class Attribution {
  readonly #active = new IdTable<ActiveCall>();
  readonly #ghosts = new Map<number, Ghost>();
  /** Until when something may still come about calls that were answered, by owner. */
  readonly #late = new Map<Owner, number>();
  /** The same for calls that are nobody's but their own: no call that is under way is of the same owner. */
  #loneLateUntilMs = 0;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    return this.#active.size;
  }

  get(id: number): ActiveCall | undefined {
    return this.#active.get(id);
  }

  calls(): Iterable<ActiveCall> {
    return this.#active;
  }

  begin(call: ActiveCall): void {
    this.#active.add(call);
  }

  /** A call is over; `answered`: by the server's reply; `isLoose`: answers and the common stream come over connections of their own. */
  end(call: ActiveCall, answered: boolean, isLoose: boolean): void {
    this.#active.delete(call.id);
    if (answered) {
      if (isLoose) this.#tookLate(ownerOf(call));
      return;
    }
    if (this.#ghosts.size >= GHOSTS_MAX) this.#ghosts.delete(this.#ghosts.keys().next().value!);
    this.#ghosts.set(call.id, { owner: ownerOf(call), untilMs: this.#now() + GHOST_MS });
  }

  /** The reply to a call that was given up has come. */
  lateReply(id: number): void {
    this.#ghosts.delete(id);
  }

  /** The call that something on a shared stream belongs to. */
  attribute(): ActiveCall | 'none' | 'ambiguous' {
    this.#forgetOld();
    let owner: Owner | undefined;
    let latest: ActiveCall | undefined;
    let quiet: ActiveCall | undefined;
    let quietCalls = 0;
    for (const call of this.#active) {
      const own = ownerOf(call);
      if (owner !== undefined && own !== owner) return 'ambiguous';
      owner = own;
      if (latest === undefined || call.id > latest.id) latest = call;
      if (!call.isAsking) {
        if (quiet === undefined || call.id > quiet.id) quiet = call;
        quietCalls++;
      }
    }
    for (const ghost of this.#ghosts.values())
      if (owner === undefined || ghost.owner !== owner) return 'ambiguous';
    if (latest === undefined) return 'none';
    // Within a session it is the same client's, whichever call it is. A stateless client's calls are told apart by nothing but
    // that the others wait for an answer already.
    if (latest.caller.era === 'modern' && quietCalls > 1) return 'ambiguous';
    return quiet ?? latest;
  }

  /** As `attribute`, for what is said and not asked: it may be about a call that was answered a moment ago. */
  attributeNews(): ActiveCall | 'none' | 'ambiguous' {
    const call = this.attribute();
    if (typeof call !== 'object') return call;
    const owner = ownerOf(call);
    const nowMs = this.#now();
    if (nowMs < this.#loneLateUntilMs) return 'ambiguous';
    for (const [other, untilMs] of this.#late)
      if (untilMs <= nowMs) this.#late.delete(other);
      else if (other !== owner) return 'ambiguous';
    return call;
  }

  /** Renewed at the end, so that the oldest come first. */
  #tookLate(owner: Owner): void {
    const nowMs = this.#now();
    if (typeof owner === 'number') {
      this.#loneLateUntilMs = nowMs + LATE_MS;
      return;
    }
    this.#late.delete(owner);
    this.#late.set(owner, nowMs + LATE_MS);
    for (const [other, untilMs] of this.#late) {
      if (untilMs > nowMs) break;
      this.#late.delete(other);
    }
  }

  #forgetOld(): void {
    if (this.#ghosts.size === 0) return;
    const nowMs = this.#now();
    for (const [id, ghost] of this.#ghosts) if (ghost.untilMs <= nowMs) this.#ghosts.delete(id);
  }
}

/**
 * Calls with the same owner are of one client, as far as that can be known: its session, for a stateless client its principal. It holds
 * nothing of the call, whose end it outlives.
 */
export function ownerOf({ id, caller }: ActiveCall): Owner {
  if (caller.era === 'modern') return caller.principalId;
  return caller.conversation === caller ? id : caller.conversation;
}
