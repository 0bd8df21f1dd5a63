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
  readonly principalId: string;
  readonly untilMs: number;
}

/**
 * Whose business something is that a server says on a shared stream. A call that was given up counts until its late reply comes, or for two
 * minutes: the server may still be working on it, and what it says then must not reach another principal.
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
    this.#ghosts.set(call.id, { principalId: call.caller.principalId, untilMs: this.#now() + GHOST_MS });
  }

  /** The reply to a call that was given up has come. */
  lateReply(id: number): void {
    this.#ghosts.delete(id);
  }

  /**
   * The call that something on a shared stream belongs to. `ambiguous`: one of several that are under way. `haunted`: it may belong to a call of
   * another principal's that was given up, which nothing will clear up.
   */
  attribute(): ActiveCall | 'none' | 'ambiguous' | 'haunted' {
    this.#forgetOld();
    const call = onlyOne(this.#active);
    if (call === 'none' || this.#ghosts.size === 0) return call;
    const principals = new Set<string>();
    for (const { caller } of this.#active) principals.add(caller.principalId);
    for (const { principalId } of this.#ghosts.values()) principals.add(principalId);
    return principals.size > 1 ? 'haunted' : call;
  }

  /** The latest other call under way of the same client. */
  anotherOf(call: ActiveCall): ActiveCall | undefined {
    const owner = ownerOf(call);
    let another: ActiveCall | undefined;
    for (const one of this.#active)
      if (one !== call && ownerOf(one) === owner && (another === undefined || one.id > another.id))
        another = one;
    return another;
  }

  /** As `attribute`, for what is said and not asked: it may be about a call that was answered a moment ago. */
  attributeNews(): ReturnType<Attribution['attribute']> {
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

/** Which of these calls something belongs to that belongs to one of them. */
export function onlyOne(calls: Iterable<ActiveCall>): ActiveCall | 'none' | 'ambiguous' {
  let owner: Owner | undefined;
  let latest: ActiveCall | undefined;
  let quiet: ActiveCall | undefined;
  let quietCalls = 0;
  for (const call of calls) {
    const own = ownerOf(call);
    if (owner !== undefined && own !== owner) return 'ambiguous';
    owner = own;
    if (latest === undefined || call.id > latest.id) latest = call;
    if (!call.isAsking) {
      if (quiet === undefined || call.id > quiet.id) quiet = call;
      quietCalls++;
    }
  }
  if (latest === undefined) return 'none';
  // Within a session it is the same client's, whichever call it is. A stateless client's calls are told apart by nothing but
  // that the others wait for an answer already.
  if (latest.caller.era === 'modern' && quietCalls > 1) return 'ambiguous';
  return quiet ?? latest;
}

/**
 * Calls with the same owner are of one client, as far as that can be known: its session, for a stateless client its principal. It holds
 * nothing of the call, whose end it outlives.
 */
export function ownerOf({ id, caller }: ActiveCall): Owner {
  if (caller.era === 'modern') return caller.principalId;
  return caller.conversation === caller ? id : caller.conversation;
}
