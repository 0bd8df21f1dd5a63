import type { Roster, Seated } from '../core/roster.ts';
import type { Exchange } from '../gateway/exchange.ts';

/** An answer that may have to be kept alive while it waits. */
export interface SlowAnswer extends Seated {
  /** Called by the edge's clock, several times within `silentMs`: says something when nothing was said for so long. */
  keepAlive(silentMs: number): void;
}

export type SlowAnswers = Roster<SlowAnswer>;

/** An exchange as the edge handles it, whatever carries it. */
export interface EdgeExchange extends Exchange, SlowAnswer {
  names: readonly string[] | undefined;
}
