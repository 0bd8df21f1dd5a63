import { describe, expect, it } from 'vitest';
import { randomSource } from '../../../test/support/random.ts';
import { Replay, ReplayBudget } from './replay.ts';

const LARGE = new ReplayBudget(64 * 1024 * 1024);
const MIB = 1024 * 1024;

describe('the replay of a session', () => {
  it('gives what came on a stream after an id, and nothing of other streams', () => {
    const replay = new Replay(LARGE);
    const [one, two] = [replay.openStream(), replay.openStream()];
    const start = replay.start(one);
    const first = replay.record(one, Buffer.from('1'));
    replay.record(two, Buffer.from('other'));
    const second = replay.record(one, Buffer.from('2'));
    replay.record(0, Buffer.from('of the session'));
    const texts = (id: string) => replay.after(id)?.events.map(({ data }) => data.toString());
    expect(texts(start)).toEqual(['1', '2']);
    expect(replay.after(first)).toEqual({ stream: one, events: [{ id: second, data: Buffer.from('2') }] });
    expect(texts(second)).toEqual([]);
  });

  it('knows no id of another session, of another process, or of nobody', () => {
    const replay = new Replay(LARGE);
    const id = replay.record(1, Buffer.from('x'));
    const other = new Replay(LARGE).record(1, Buffer.from('x'));
    for (const wrong of [
      other,
      '',
      'x',
      '1-1',
      `${id}x`,
      `x${id}`,
      `${id}\n`,
      id.replace(/-1$/, '-99999999999'),
    ])
      expect(replay.after(wrong), wrong).toBeUndefined();
  });

  it('of all sessions together keeps to its budget, which comes back', () => {
    const budget = new ReplayBudget(1_000);
    const [a, b] = [new Replay(budget), new Replay(budget)];
    const data = Buffer.alloc(600);
    const [startA, startB] = [a.start(1), b.start(1)];
    a.record(1, data);
    b.record(1, data);
    expect(a.after(startA)?.events).toHaveLength(1);
    expect(b.after(startB)?.events).toHaveLength(0);
    a.endStream(1);
    b.record(1, data);
    expect(b.after(startB)?.events).toHaveLength(1);
    b.clear();
    expect(budget.take(1_000)).toBe(true);
  });

  it('agrees with a list of everything that was ever said, as far as its bounds allow', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = randomSource(seed);
      const budget = new ReplayBudget(random.pick([64 * MIB, MIB, 200_000]));
      const replay = new Replay(budget);
      const said: { stream: number; id: string; text: string }[] = [];
      const starts = new Map<number, string>([[0, replay.start(0)]]);
      const ended = new Set<number>();
      for (let step = 0; step < 400; step++) {
        const live = [...starts.keys()].filter((stream) => !ended.has(stream));
        const stream = random.pick(live);
        if (random.chance(0.05)) {
          const opened = replay.openStream();
          starts.set(opened, replay.start(opened));
        } else if (stream !== 0 && random.chance(0.03)) {
          ended.add(stream);
          replay.endStream(stream);
        } else {
          const text = `${step} ${'x'.repeat(random.chance(0.1) ? random.below(300_000) : random.below(50))}`;
          said.push({ stream, id: replay.record(stream, Buffer.from(text)), text });
        }
      }
      expect(new Set(said.map(({ id }) => id)).size, `seed ${seed}: ids are unique`).toBe(said.length);
      let keptBytes = 0;
      for (const [stream, start] of starts) {
        const mine = said.filter((event) => event.stream === stream);
        const after = replay.after(start)!;
        expect(after.stream).toBe(stream);
        const kept = after.events.map(({ id, data }) => ({ stream, id, text: data.toString() }));
        if (ended.has(stream)) expect(kept, `seed ${seed}: an ended stream is forgotten`).toEqual([]);
        // What is kept was said, in that order.
        expect(
          mine.filter(({ id }) => kept.some((event) => event.id === id)),
          `seed ${seed}`,
        ).toEqual(kept);
        for (const [at, { id }] of mine.entries()) {
          const later = mine.slice(at + 1).filter((one) => kept.some((event) => event.id === one.id));
          expect(replay.after(id)!.events.map((event) => event.id)).toEqual(later.map((one) => one.id));
        }
        keptBytes += kept.reduce((sum, { text }) => sum + text.length, 0);
      }
      expect(keptBytes, `seed ${seed}`).toBeLessThanOrEqual(MIB);
      replay.clear();
      expect(budget.take(200_000), `seed ${seed}: everything is given back`).toBe(true);
    }
  });

  it('keeps the latest: an event that fits is kept when it is said', () => {
    const replay = new Replay(LARGE);
    for (let at = 0; at < 2_000; at++) {
      const before = replay.record(1, Buffer.alloc(at * 7));
      const id = replay.record(1, Buffer.from('latest'));
      expect(replay.after(before)?.events.map((event) => event.id)).toEqual([id]);
    }
  });
});
