import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { randomSource } from '../../../test/support/random.ts';
import { Cancellation } from '../../core/cancellation.ts';
import { FairGate } from './fair-gate.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const LONG = 1_000_000;

/** A gate whose admissions are noted in order. */
function gateOf(max: number, waitingMax?: number) {
  const gate = new FairGate(max, waitingMax);
  const admitted: string[] = [];
  const enter = (principal: string, name = principal, timeoutMs = LONG, cancellation = new Cancellation()) =>
    gate.enter(principal, cancellation, timeoutMs).then((outcome) => {
      if (outcome === true) admitted.push(name);
      return outcome;
    });
  return { gate, admitted, enter };
}

describe('a fair gate', () => {
  it('lets the lines of the principals take turns, each in its own order', async () => {
    const { gate, admitted, enter } = gateOf(1);
    expect(gate.tryEnter()).toBe(true);
    for (const name of ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1']) void enter(name[0]!, name);
    expect(gate.waiting).toBe(7);
    for (let at = 0; at < 7; at++) {
      gate.leave();
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(admitted).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4']);
  });

  it('gives one who comes late his turn before the rest of a long line', async () => {
    const { gate, admitted, enter } = gateOf(1);
    gate.tryEnter();
    for (let at = 0; at < 1_000; at++) void enter('many', `many${at}`);
    void enter('one');
    gate.leave();
    gate.leave();
    await vi.advanceTimersByTimeAsync(0);
    expect(admitted).toEqual(['many0', 'one']);
  });

  it('refuses those who would be too many to wait, and lets nobody past who waits', async () => {
    const { gate, enter } = gateOf(1, 2);
    gate.tryEnter();
    void enter('a');
    void enter('b');
    await expect(enter('c')).resolves.toBe('full');
    gate.leave();
    expect(gate.tryEnter()).toBe(false);
    expect(gate).toMatchObject({ inside: 1, waiting: 1 });
  });

  it('forgets who waited too long or was cancelled, and who was cancelled before', async () => {
    const { gate, admitted, enter } = gateOf(1);
    gate.tryEnter();
    const cancellation = new Cancellation();
    const [late, gone] = [enter('late', 'late', 1_000), enter('gone', 'gone', LONG, cancellation)];
    void enter('stays');
    await vi.advanceTimersByTimeAsync(1_000);
    cancellation.cancel('the client went away');
    await expect(late).resolves.toBe(false);
    await expect(gone).resolves.toBe(false);
    await expect(enter('gone', 'gone', LONG, cancellation)).resolves.toBe(false);
    gate.leave();
    await vi.advanceTimersByTimeAsync(0);
    expect(admitted).toEqual(['stays']);
    gate.leave();
    expect(gate).toMatchObject({ inside: 0, waiting: 0 });
  });

  it('never loses a turn and never gives one too many, whatever comes in whatever order', async () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = randomSource(seed);
      const max = 1 + random.below(4);
      const gate = new FairGate(max, 12);
      const cancellations: Cancellation[] = [];
      let inside = 0;
      let waiting = 0;
      for (let step = 0; step < 120; step++) {
        const action = random.below(10);
        if (action < 5) {
          const cancellation = new Cancellation();
          cancellations.push(cancellation);
          waiting++;
          void gate.enter(`p${random.below(4)}`, cancellation, 10 + random.below(500)).then((outcome) => {
            waiting--;
            if (outcome === true) inside++;
          });
        } else if (action < 8) {
          if (inside > 0) {
            inside--;
            gate.leave();
          }
        } else if (action === 8) cancellations[random.below(cancellations.length || 1)]?.cancel('gone');
        else await vi.advanceTimersByTimeAsync(random.below(200));
        await vi.advanceTimersByTimeAsync(0);
        expect(inside, `seed ${seed}, step ${step}`).toBeLessThanOrEqual(max);
        expect(gate.inside, `seed ${seed}, step ${step}`).toBe(inside);
        expect(gate.waiting, `seed ${seed}, step ${step}`).toBe(waiting);
        if (waiting > 0) expect(inside, `a free turn while some wait: seed ${seed}`).toBe(max);
      }
      while (inside > 0) {
        inside--;
        gate.leave();
        await vi.advanceTimersByTimeAsync(0);
      }
      expect(gate).toMatchObject({ inside: 0, waiting: 0 });
      for (let at = 0; at < max; at++) expect(gate.tryEnter()).toBe(true);
      expect(gate.tryEnter()).toBe(false);
    }
  });
});
