import type { Roster, Seated } from '../core/roster.ts';
import type { Exchange } from '../gateway/exchange.ts';

/** An answer that may have to be kept alive while it waits. */
export interface SlowAnswer extends Seated {
  readonly startedMs: number;
  /** Called by the edge's clock. */
  keepAlive(): void;
}

export type SlowAnswers = Roster<SlowAnswer>;

/** An exchange as the edge handles it, whatever carries it. */
export interface EdgeExchange extends Exchange, SlowAnswer {
  names: readonly string[] | undefined;
}
