/** What may be used up in a minute or a budget period. `undefined`: as much as anybody likes. */
export interface LimitSet {
  /** US dollars in each budget period. */
  readonly maxBudget?: number | undefined;
  /** US dollars of a budget period above which the operator is warned, and nobody refused. */
  readonly softBudget?: number | undefined;
  /** Length of the budget period; `undefined`: the budget is never renewed. */
  readonly budgetDurationMs?: number | undefined;
  /** A time at which a budget period ends, in milliseconds since the Unix epoch; without it, periods follow the calendar (see periodAt). */
  readonly budgetResetAt?: number | undefined;
  readonly requestsPerMinute?: number | undefined;
  readonly tokensPerMinute?: number | undefined;
  readonly parallelRequests?: number | undefined;
  /** Of single models, by their names as clients ask for them; every one counts besides the limits of the whole account. */
  readonly perModel?: Readonly<Record<string, ModelLimitSet>> | undefined;
}

/** What an account may use up of one model. */
export type ModelLimitSet = Omit<LimitSet, 'perModel' | 'softBudget' | 'parallelRequests' | 'budgetResetAt'>;

/** Whose use is counted. */
export type AccountScope = 'key' | 'user' | 'team' | 'team-member' | 'model' | 'server';

/** Somebody or something whose use is counted and limited. */
export interface Account {
  readonly scope: AccountScope;
  /** Stable over restarts, and unlike that of any other account of the scope (and team). */
  readonly id: string;
  /** Of a member: the team that it belongs to; `id` is the user. */
  readonly team?: string | undefined;
  readonly limits: LimitSet;
  /** Where its limits stand, for rules: `virtual_keys[2]`. */
  readonly source?: string | undefined;
  /** What an operator set the spending to by hand: it counts instead of what was spent before `at` (milliseconds since the Unix epoch). */
  readonly spendBase?: { readonly usd: number; readonly at: number } | undefined;
}

/** Who asks. The list of accounts is one object per holder, since what is derived from it is cached under it. */
export interface Holder {
  readonly id: string;
  readonly allowances: readonly Account[];
  /** Class of litellm_settings.priority_reservation. */
  readonly priority?: string | undefined;
}

/** What one request will use at most, as far as that is known before. */
export interface Need {
  readonly tokens: number;
  /** 10^-12 US dollars, a whole number. */
  readonly cost: number;
}

/** A request that wants to be let through. */
export interface Ask {
  readonly holder: Holder;
  /** What it goes to: a model, by the name of its group, or a server. */
  readonly target: { readonly scope: 'model' | 'server'; readonly id: string };
  /** Called when something counts tokens or money: cheap, and too much rather than too little. */
  readonly estimate: () => Need;
  /** Called before a refusal for tokens or money: dearer, and closer. */
  readonly closer?: (() => Need) | undefined;
  /** Calls `listener` once when nobody waits for the answer any more. */
  readonly onGone?: ((listener: () => void) => void) | undefined;
  /** A request that is under way already makes it, and has the holder's slot of those in flight. */
  readonly isNested?: boolean | undefined;
}

export type LimitKind = 'requests' | 'tokens' | 'parallel' | 'budget';

/** What is left of a limit, for the answer's headers. */
export interface Remaining {
  readonly limit: number;
  readonly remaining: number;
  /** Until all of it is there again. */
  readonly resetMs: number;
}

/** The tightest limits of a request, of those that count per minute. */
export interface Standing {
  readonly requests: Remaining | undefined;
  readonly tokens: Remaining | undefined;
}

/** A request that was let through. Exactly one of `settle` and `withdraw` is called, once; more calls do nothing. */
export interface Admission {
  readonly kind: 'admitted';
  /** What was reserved; `undefined` when nothing counts tokens or money. */
  readonly reserved: Need | undefined;
  /** The request is over. `used`: what it really used, a member `undefined` where nobody knows: then what was reserved counts. */
  settle(used: { readonly tokens: number | undefined; readonly cost: number | undefined }): void;
  /** The request was not made after all, and counts for nothing. */
  withdraw(): void;
  standing(): Standing | undefined;
}

/** A request that is not let through. */
export interface Refusal {
  readonly kind: 'refused';
  readonly limit: LimitKind;
  /** The setting that decided: `virtual_keys[2].rpm_limit`. */
  readonly rule: string;
  readonly scope: AccountScope;
  /** Of the account. */
  readonly id: string;
  readonly team: string | undefined;
  /** Where the limit counts one model alone. */
  readonly model: string | undefined;
  readonly max: number;
  /** What counts at the moment: requests, tokens, requests in flight, or 10^-12 dollars, without those reserved. */
  readonly used: number;
  /** What is reserved for requests in flight besides; 10^-12 dollars. */
  readonly reserved: number;
  /** When it makes sense to ask again; `undefined`: never, or only when the limit is changed. */
  readonly retryAfterMs: number | undefined;
  /** How long it waited for its turn; 0 when it did not. */
  readonly waitedMs: number;
  readonly priority: string | undefined;
  /** Whether nobody waits for the answer any more. */
  readonly isGone: boolean;
  standing(): Standing | undefined;
}

/** What was spent before this process counted. */
export interface SpendHistory {
  /**
   * US dollars of the calls that an account began since then (milliseconds since the Unix epoch): all of them, or those of one model. Of scope `model` the
   * id is the model's name.
   */
  spentSince(of: Pick<Account, 'scope' | 'id' | 'team'>, sinceMs: number, model?: string): Promise<number>;
}

/** A run of a gateway that has ended, by the ledger. */
export interface EndedRun {
  readonly name: string;
  /** Number of the newest of its records that can be read. */
  readonly position: number;
  /** Whether it was this one's predecessor, so that it has surely ended. */
  readonly isPredecessor: boolean;
  /** Whether there are no records of it that are still on their way. */
  readonly isWhole: boolean;
}

/** Whose spending is asked for: as in `SpendHistory`, of calls that began at `since` or later. */
export interface SpentBy {
  readonly account: Pick<Account, 'scope' | 'id' | 'team'>;
  readonly model: string | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly since: number;
}

/** The runs of gateways that count together: what one of them spent and did not live to tell, the ledger knows. */
export interface Runs {
  /** Of this run; unlike that of any other. */
  readonly name: string;
  /** How many records this run has made. What a call has used is settled in the very step in which its last record is made. */
  position(): number;
  /** Those that have ended. */
  ended(names: readonly string[]): Promise<readonly EndedRun[]>;
  /** US dollars, for each of `of`: of calls that began at `from` or later, and whose last record is one of the run's after `after`, up to `through`. */
  spent(
    run: { readonly name: string; readonly after: number; readonly through: number; readonly from: number },
    of: readonly SpentBy[],
  ): Promise<readonly number[]>;
}

/** What the operator is told of limits. */
export interface LimitEvents {
  /** Once in each budget period of an account. `usd`: spent so far. */
  softBudget(account: Pick<Account, 'scope' | 'id' | 'source'>, usd: number, soft: number): void;
  /** What was spent before is not known for now: it counts from zero until the history can be read. */
  historyUnknown(account: Pick<Account, 'scope' | 'id'>, error: unknown): void;
  /** Limits are counted together with other processes, from now on. `isBack`: again. */
  sharedUp(isBack: boolean): void;
  /** Redis is away: this process goes on with its share of the limits. Told once each time. */
  sharedDown(reason: string): void;
  /** What a gateway spent and did not live to tell the others is counted now, on so many budgets. `usd`: on the one on which it is most. */
  leftCounted(run: string, budgets: number, usd: number): void;
}

/** How many requests limits of one kind and scope have refused. */
export interface RefusedCount {
  readonly kind: LimitKind;
  readonly scope: Refusal['scope'];
  readonly count: number;
}

/** Counts since the start, and what is held at the moment. */
export interface LimitStats {
  readonly admitted: number;
  readonly refused: readonly RefusedCount[];
  /** Requests that wait for their turn. */
  readonly waiting: number;
  readonly waitedInAll: number;
  /** Accounts that are counted. */
  readonly accounts: number;
  /** Budget periods in which a soft budget was passed. */
  readonly softBudgets: number;
  /** Whether limits are counted together with other processes; `undefined`: they are not meant to be. */
  readonly shared:
    | { readonly isUp: boolean; readonly reason: string | undefined; readonly processes: number }
    | undefined;
}
