import { LlmFailure } from '../conversation/llm-failure.ts';
import type { ModelRequest } from '../conversation/request.ts';
import type { TurnHandle, TurnListener } from '../turn/turn.ts';
import { type MockAnswer, mockAnswer, type MockStep } from './mock-answer.ts';
import type { MockScript } from './script.ts';

/** A turn of a mock: its steps one after the other, in their time. */
export function mockTurn(
  request: ModelRequest,
  script: MockScript,
  listener: TurnListener,
  facts: { readonly id: string; readonly createdAt: number },
): TurnHandle {
  const run = new MockRun(listener);
  let answer: MockAnswer;
  try {
    answer = mockAnswer(request, script, facts.id, facts.createdAt);
  } catch (error) {
    if (!(error instanceof LlmFailure)) throw error;
    run.later(script.delay_ms ?? 0, () => listener.onFailure(error));
    return run;
  }
  run.begin(answer);
  return run;
}

class MockRun implements TurnHandle {
  readonly #listener: TurnListener;
  #steps: readonly MockStep[] = [];
  #end: MockAnswer['end'] = 'whole';
  #at = 0;
  #timer: NodeJS.Timeout | undefined;
  #isPaused = false;
  #isOver = false;

  constructor(listener: TurnListener) {
    this.#listener = listener;
  }

  begin({ steps, end }: MockAnswer): void {
    this.#steps = steps;
    this.#end = end;
    this.#go();
  }

  later(ms: number, act: () => void): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (!this.#isOver) act();
    }, ms);
  }

  abort(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#timer === undefined) this.#go();
  }

  /** Does what needs no waiting at once, and waits for the next step that does. */
  #go(): void {
    const step = this.#steps[this.#at];
    if (step === undefined) {
      this.later(0, () => this.#finish());
      return;
    }
    this.later(step.afterMs, () => {
      let next: MockStep | undefined = step;
      do {
        this.#at++;
        this.#listener.onEvents(next.events);
        next = this.#steps[this.#at];
      } while (next?.afterMs === 0 && !this.#isPaused && !this.#isOver);
      if (!this.#isPaused && !this.#isOver) this.#go();
    });
  }

  #finish(): void {
    if (this.#end === 'stall') return;
    if (this.#end === 'whole') this.#listener.onEnd();
    else
      this.#listener.onFailure(
        new LlmFailure('cut', "The mock's answer broke off, as its script says.", {
          status: 502,
          code: 'upstream_cut',
        }),
      );
  }
}
