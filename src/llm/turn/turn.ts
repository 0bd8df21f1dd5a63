import type { ResponseHead } from '../../net/http-client.ts';
import type { AnswerEvent, Stop, Usage } from '../conversation/answer.ts';
import type { LlmFailure } from '../conversation/llm-failure.ts';

/** Hears of one turn of a model, from whatever it comes: events in order, then exactly one of end and failure. */
export interface TurnListener {
  onEvents(events: readonly AnswerEvent[]): void;
  onEnd(): void;
  onFailure(failure: LlmFailure): void;
}

/** A turn under way. */
export interface TurnHandle {
  /** After it nothing is heard any more. */
  abort(): void;
  pause(): void;
  resume(): void;
}

/** How a turn ended. `failed`: nothing of it was passed on, so that it may be tried elsewhere. `broken`: something was. */
export type TurnEnd =
  | { readonly kind: 'done'; readonly stop: Stop | undefined }
  | { readonly kind: 'failed' | 'broken'; readonly failure: LlmFailure };

/** What came of a turn. `usage`: what is billed for it. */
export type TurnResult = TurnEnd & { readonly usage: Usage | undefined };

/** Who gets what a turn says. */
export interface TurnTaker {
  /** With the first content: from now on the turn can go nowhere else. `head`: of the provider's answer, when there is one. */
  onCommit(head: ResponseHead | undefined): void;
  /** `false`: more is to wait until `onDrain` calls. */
  onEvents(events: readonly AnswerEvent[]): boolean;
  onDrain(listener: () => void): void;
}

const EVENTS_MAX = 64;

/** Whether an event says something to the reader of the answer. */
export function isContent({ kind }: AnswerEvent): boolean {
  return kind === 'text' || kind === 'input' || kind === 'part-start' || kind === 'stop';
}

/**
 * Runs one turn: holds its events back until there is content in them, and passes them on from then. `start` begins it; `onGone` tells when nobody
 * wants it any more.
 */
export function runTurn(
  start: (listener: TurnListener, onHead: (head: ResponseHead) => void) => TurnHandle,
  taker: TurnTaker,
  onGone: (listener: (failure: LlmFailure) => void) => () => void,
): Promise<TurnEnd> {
  return new Promise((resolve) => {
    let held: AnswerEvent[] | undefined = [];
    let head: ResponseHead | undefined;
    let stop: Stop | undefined;
    let handle: TurnHandle | undefined;
    let isOver = false;
    let isWhole = false;
    let forget = (): void => undefined;
    const finish = (result: TurnEnd): void => {
      if (isOver) return;
      isOver = true;
      forget();
      resolve(result);
    };
    const failed = (failure: LlmFailure): void => {
      // After its end nothing spoils an answer.
      if (isWhole) finish({ kind: 'done', stop });
      else finish({ kind: held === undefined ? 'broken' : 'failed', failure });
    };
    const pass = (events: readonly AnswerEvent[]): void => {
      if (taker.onEvents(events)) return;
      handle?.pause();
      taker.onDrain(() => handle?.resume());
    };
    const commit = (): void => {
      const events = held ?? [];
      held = undefined;
      taker.onCommit(head);
      pass(events);
    };
    forget = onGone((failure) => {
      handle?.abort();
      failed(failure);
    });
    // Who has gone already, is told of at once.
    if (isOver) return;
    handle = start(
      {
        onEvents: (events) => {
          if (isOver) return;
          for (const event of events) {
            if (event.kind === 'stop') stop = event.stop;
            else if (event.kind === 'end') isWhole = true;
          }
          if (held === undefined) {
            pass(events);
            return;
          }
          held.push(...events);
          if (events.some(isContent) || held.length > EVENTS_MAX) commit();
        },
        onEnd: () => {
          if (isOver) return;
          if (held !== undefined) commit();
          finish({ kind: 'done', stop });
        },
        onFailure: failed,
      },
      (one) => {
        head = one;
      },
    );
    if (isOver) handle.abort();
  });
}
