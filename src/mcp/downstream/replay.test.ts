import { describe, expect, it } from 'vitest';
import { randomSource } from '../../../test/support/random.ts';
import { verifies } from '../../../test/support/verifies.ts';
import { Replay, ReplayBudget } from './replay.ts';

const MIB = 1024 * 1024;
const LARGE = 64 * MIB;
const replayOf = (): Replay => new Replay(new ReplayBudget(LARGE));
const missedBy = (replay: Replay, id: string): string[] =>
  replay.find(id)!.missed.map(({ data }) => data.toString());

describe('the replay of a session', () => {
  it('gives what came on a stream after an id, and nothing of other streams', () => {
    verifies('mcp:resume');
    const replay = replayOf();
    const [one, two] = [replay.openStream(), replay.openStream()];
    const start = replay.place(one);
    const first = replay.record(one, Buffer.from('1'));
    replay.record(two, Buffer.from('other'));
    const second = replay.record(one, Buffer.from('2'));
    replay.record(0, Buffer.from('of the session'));
    expect(missedBy(replay, start)).toEqual(['1', '2']);
    expect(replay.find(first)).toEqual({
      stream: one,
      isOurs: true,
      isLast: false,
      requestId: undefined,
      missed: [{ id: second, data: Buffer.from('2') }],
    });
    expect(missedBy(replay, second)).toEqual([]);
    expect(replay.place(one)).toBe(second);
  });

  it('knows its own ids from those of another process, and both from what is no id at all', () => {
    verifies('mcp:resume');
    const replay = replayOf();
    const id = replay.record(replay.openStream(Buffer.from('7')), Buffer.from('x'));
    const other = replayOf();
    const theirs = other.record(other.openStream(Buffer.from('"a"')), Buffer.from('x'));
    expect(replay.find(theirs)).toEqual({
      stream: 1,
      isOurs: false,
      isLast: false,
      requestId: Buffer.from('"a"'),
      missed: [],
    });
    // A stream that was never opened here.
    expect(replay.find(id.replace(/-1-1-/, '-2-1-'))).toMatchObject({ isOurs: false, missed: [] });
    for (const wrong of [
      '',
      'x',
      '1-1',
      `x${id}`,
      `${id}\n`,
      `${id}=`,
      id.replace(/-1-1-/, '-1-9999999999-'),
    ])
      expect(replay.find(wrong), wrong).toBeUndefined();
  });

  it('names in its ids the request, when it is one and not too long', () => {
    verifies('mcp:resume');
    const replay = replayOf();
    const requestIdOf = (idBytes: Buffer): string | undefined =>
      replay.find(replay.place(replay.openStream(idBytes)))?.requestId?.toString();
    const long = JSON.stringify('x'.repeat(94));
    for (const id of ['1', '"a-b"', '-5', '""', '"é"', long]) expect(requestIdOf(Buffer.from(id))).toBe(id);
    expect(requestIdOf(Buffer.from(JSON.stringify('x'.repeat(95))))).toBeUndefined();
    const stream = replay.openStream();
    for (const text of ['{}', 'null', '[1]', '1 2', ''])
      expect(
        replay.find(`${replay.place(stream)}-${Buffer.from(text).toString('base64url')}`)?.requestId,
        text,
      ).toBeUndefined();
  });

  it('tells that nothing follows by the id alone, in another process too', () => {
    verifies('mcp:resume');
    const replay = replayOf();
    const stream = replay.openStream(Buffer.from('7'));
    const first = replay.record(stream, Buffer.from('progress'));
    const last = replay.recordLast(stream, Buffer.from('answer'));
    replay.endStream(stream);
    expect(missedBy(replay, first)).toEqual(['answer']);
    for (const any of [replay, replayOf()]) {
      expect(any.find(last)).toMatchObject({ isLast: true, missed: [] });
      expect(any.find(first)).toMatchObject({ isLast: false });
    }
    const lost = Replay.lastId(replayOf().find(first)!);
    expect(replay.find(lost)).toEqual({
      stream,
      isOurs: false,
      isLast: true,
      requestId: Buffer.from('7'),
      missed: [],
    });
  });

  it('keeps an ended stream for a client that missed its end, and nothing of a stream that never reached one', () => {
    verifies('mcp:resume');
    const budget = new ReplayBudget(LARGE);
    const replay = new Replay(budget);
    const [ended, forgotten] = [replay.openStream(), replay.openStream()];
    const places = [replay.place(ended), replay.place(forgotten)];
    replay.record(ended, Buffer.from('abc'));
    replay.record(forgotten, Buffer.from('de'));
    replay.endStream(ended);
    replay.forgetStream(forgotten);
    expect(places.map((place) => missedBy(replay, place))).toEqual([['abc'], []]);
    expect(budget.bytes).toBe(3);
  });

  it('forgets after five minutes what nobody came back for, and not before', () => {
    verifies('mcp:resume');
    const replay = replayOf();
    const start = replay.place(0);
    const since = Date.now();
    replay.record(0, Buffer.from('a'));
    const until = Date.now();
    replay.sweep(since + 5 * 60_000);
    expect(missedBy(replay, start)).toEqual(['a']);
    replay.sweep(until + 5 * 60_000 + 1);
    expect(missedBy(replay, start)).toEqual([]);
  });

  it('keeps none of the bytes that an event came with', () => {
    const replay = replayOf();
    const start = replay.place(0);
    const large = Buffer.alloc(MIB, 0x61);
    replay.record(0, large.subarray(0, 3));
    large.fill(0x62);
    expect(missedBy(replay, start)).toEqual(['aaa']);
    expect(replay.find(start)!.missed[0]!.data.buffer.byteLength).toBeLessThan(MIB);
  });

  it('agrees with a list of everything that was ever said, as far as its bounds allow', () => {
    verifies('mcp:resume');
    expect(() => {
      for (let seed = 1; seed <= 60; seed++) agreesWithList(seed);
    }).not.toThrow();
  });

  it('keeps the latest: an event that fits is kept when it is said', () => {
    const budget = new ReplayBudget(200_000);
    const [replay, other] = [new Replay(budget), new Replay(budget)];
    for (let at = 0; at < 2_000; at++) {
      const before = replay.record(0, Buffer.alloc(at * 7));
      other.record(0, Buffer.alloc(at * 7));
      const id = replay.record(0, Buffer.from('latest'));
      expect(replay.find(before)?.missed.map((event) => event.id)).toEqual([id]);
    }
  });
});

interface Said {
  readonly stream: number;
  readonly id: string;
  readonly text: string;
}

/** Says many things in a random order, and compares what is kept with a list of all of them. */
function agreesWithList(seed: number): void {
  const random = randomSource(seed);
  const bytesMax = random.pick([LARGE, MIB, 400_000]);
  const budget = new ReplayBudget(bytesMax);
  const replay = new Replay(budget);
  const said: Said[] = [];
  const starts = new Map([[0, replay.place(0)]]);
  const ended = new Set<number>();
  for (let step = 0; step < 400; step++) {
    const stream = random.pick([...starts.keys()].filter((one) => !ended.has(one)));
    const text = `${step} ${'x'.repeat(random.chance(0.1) ? random.below(300_000) : random.below(50))}`;
    if (random.chance(0.05)) {
      const opened = replay.openStream(random.chance(0.5) ? Buffer.from(String(step)) : undefined);
      starts.set(opened, replay.place(opened));
    } else if (stream !== 0 && random.chance(0.03)) {
      ended.add(stream);
      said.push({ stream, id: replay.recordLast(stream, Buffer.from(text)), text });
      replay.endStream(stream);
    } else said.push({ stream, id: replay.record(stream, Buffer.from(text)), text });
  }
  expect(new Set(said.map(({ id }) => id)).size, `seed ${seed}: ids are unique`).toBe(said.length);
  let bytes = 0;
  for (const [stream, start] of starts) {
    const mine = said.filter((event) => event.stream === stream);
    const kept = replay.find(start)!.missed.map(({ id, data }) => ({ stream, id, text: data.toString() }));
    // What is kept is the latest that was said, in that order.
    expect(kept, `seed ${seed}`).toEqual(kept.length === 0 ? [] : mine.slice(-kept.length));
    for (const [at, { id }] of mine.entries())
      expect(replay.find(id)!.missed.map((event) => event.id)).toEqual(
        mine.slice(Math.max(at + 1, mine.length - kept.length)).map((event) => event.id),
      );
    bytes += kept.reduce((sum, { text }) => sum + text.length, 0);
  }
  expect(bytes, `seed ${seed}`).toBe(budget.bytes);
  expect(bytes, `seed ${seed}`).toBeLessThanOrEqual(Math.min(MIB, bytesMax));
  replay.clear();
  expect(budget.bytes, `seed ${seed}: everything is given back`).toBe(0);
}
