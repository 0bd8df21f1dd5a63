import type { AnswerEvent, Usage } from '../conversation/answer.ts';
import { estimateText } from '../counting/estimate.ts';

/** Counts what one turn uses, as its provider tells it, and what it says beyond that. */
export class Tally {
  usage: Usage | undefined;
  /** Tokens, roughly, of what was said since `usage` was told. */
  untold = 0;
  /** The service tier that was asked for. */
  tier: string | undefined;
  /** Whether the provider was asked. */
  isSent = false;

  /** What one event of the provider, or a whole answer, says. */
  take(events: readonly AnswerEvent[]): void {
    let isTold = false;
    for (const event of events) {
      if (event.kind === 'usage') {
        this.usage = event.usage;
        isTold ||= event.usage.output > 0;
      } else if (event.kind === 'text' || event.kind === 'input') this.untold += estimateText(event.text);
    }
    // It counts all that came with it.
    if (isTold) this.untold = 0;
  }
}
