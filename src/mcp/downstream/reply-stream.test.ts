import { describe, expect, it } from 'vitest';
import { verifies } from '../../../test/support/verifies.ts';
import { NO_CAPABILITIES } from '../wire/capabilities.ts';
import type { EventSink } from './event-sink.ts';
import { ReplayBudget } from './replay.ts';
import { type EventWriter, ReplyStream } from './reply-stream.ts';
import { Session } from './sessions.ts';

interface Written {
  readonly data: string;
  readonly id: string | undefined;
}

const sessionOf = (revision: string, budget = new ReplayBudget(1_000_000)): Session =>
  new Session('s', 'p', { revision, client: undefined, capabilities: NO_CAPABILITIES }, budget);

function streamOf(options: { session?: Session; takesEvents?: boolean } = {}) {
  const { session, takesEvents = true } = options;
  const written: Written[] = [];
  const writer: EventWriter & { isGone: boolean } = {
    isGone: false,
    event: (data, id) => {
      if (!takesEvents || writer.isGone) return false;
      written.push({ data: data.toString(), id });
      return true;
    },
  };
  return { written, writer, stream: new ReplyStream(writer, session, Buffer.from('7')) };
}

/** A stream to a client that came back: what was sent on it, what was delivered, and whether it is still open. */
function sinkOf() {
  const sent: Written[] = [];
  const delivered: Written[] = [];
  const events: EventSink & { isOpen: boolean } = {
    isOpen: true,
    send: (_event, data, id) => {
      sent.push({ data: data.toString(), id });
      return true;
    },
    deliver: (data, id) => {
      delivered.push({ data: data.toString(), id });
    },
    comment: () => undefined,
    close: () => {
      events.isOpen = false;
    },
  };
  return { sent, delivered, events };
}

const say = (stream: ReplyStream, data: string): boolean => stream.send(Buffer.from(data));
const texts = (written: readonly Written[]): string[] => written.map(({ data }) => data);
const missedBy = (session: Session, id: string): string[] =>
  session.replay.find(id)!.missed.map(({ data }) => data.toString());

describe('the stream of one request', () => {
  it('without a session says what can be written, and tells when it cannot', () => {
    const { stream, written, writer } = streamOf();
    stream.prime();
    expect(say(stream, 'a')).toBe(true);
    writer.isGone = true;
    expect(say(stream, 'b')).toBe(false);
    expect(written).toEqual([{ data: 'a', id: undefined }]);
    expect(stream.finish(Buffer.from('answer'))).toBeUndefined();
    expect(say(streamOf({ takesEvents: false }).stream, 'a')).toBe(false);
  });

  it('begins with an empty event for clients that know that, and with the first one for older ones', () => {
    verifies('mcp:resume');
    const newer = streamOf({ session: sessionOf('2025-11-25') });
    say(newer.stream, 'a');
    expect(newer.written).toEqual([
      { data: '', id: expect.stringMatching(/-1-0-Nw$/) },
      { data: 'a', id: expect.stringMatching(/-1-1-Nw$/) },
    ]);
    const older = streamOf({ session: sessionOf('2025-06-18') });
    older.stream.prime();
    expect(older.stream.isOpen).toBe(false);
    say(older.stream, 'a');
    say(older.stream, 'b');
    expect(texts(older.written)).toEqual(['a', 'b']);
  });

  it('may begin before anything is said, once, so that it can be taken up even then', () => {
    verifies('mcp:resume');
    const session = sessionOf('2025-11-25');
    const { stream, written, writer } = streamOf({ session });
    stream.prime();
    stream.prime();
    expect(texts(written)).toEqual(['']);
    writer.isGone = true;
    const { delivered, events } = sinkOf();
    const place = session.replay.find(written[0]!.id!)!;
    session.replies.get(place.stream)!.resume(events);
    expect(stream.isTaken).toBe(true);
    const id = stream.finish(Buffer.from('answer'));
    expect(delivered).toEqual([{ data: 'answer', id }]);
    expect(events.isOpen).toBe(false);
  });

  it('that nothing was said on leaves no trace', () => {
    const session = sessionOf('2025-11-25');
    const { stream } = streamOf({ session });
    expect(stream.finish(Buffer.from('answer'))).toBeUndefined();
    expect(stream.isOpen).toBe(false);
    expect(session.replies.size).toBe(0);
  });

  it.each(['2025-11-25', '2025-06-18'])(
    'of a client of %s that takes no event stream is said on the session’s own',
    (revision) => {
      const budget = new ReplayBudget(1_000_000);
      const session = sessionOf(revision, budget);
      const { stream } = streamOf({ session, takesEvents: false });
      expect(say(stream, 'nobody listens')).toBe(false);
      const { sent, events } = sinkOf();
      session.stream = events;
      expect(say(stream, 'a')).toBe(true);
      expect(texts(sent)).toEqual(['a']);
      expect(stream.isOpen).toBe(false);
      // Kept once, as an event of the session's own stream.
      expect(budget.bytes).toBe(1);
      expect(session.replies.size).toBe(0);
    },
  );

  it('that broke is kept and taken up where it was, up to the answer, and each event once', () => {
    verifies('mcp:resume');
    const session = sessionOf('2025-11-25');
    const { stream, written, writer } = streamOf({ session });
    say(stream, 'a');
    say(stream, 'b');
    const last = written.at(-1)!.id!;
    writer.isGone = true;
    expect(say(stream, 'c')).toBe(true);
    const back = session.replay.find(last)!;
    expect(missedBy(session, last)).toEqual(['c']);
    const { sent, delivered, events } = sinkOf();
    session.replies.get(back.stream)!.resume(events);
    say(stream, 'd');
    stream.finish(Buffer.from('answer'));
    expect([texts(sent), texts(delivered)]).toEqual([['d'], ['answer']]);
    expect(texts(written)).toEqual(['', 'a', 'b']);
    expect(events.isOpen).toBe(false);
    expect(session.replies.size).toBe(0);
    // A client that lost this connection, too, finds the answer; one that has it is told that nothing follows.
    expect(missedBy(session, sent[0]!.id!)).toEqual(['answer']);
    expect(session.replay.find(delivered[0]!.id!)).toMatchObject({ isLast: true, missed: [] });
  });

  it('goes on over the latest connection alone, whatever the ones before look like', () => {
    verifies('mcp:resume');
    const session = sessionOf('2025-11-25');
    const { stream, written } = streamOf({ session });
    say(stream, 'a');
    const [first, second] = [sinkOf(), sinkOf()];
    stream.resume(first.events);
    say(stream, 'b');
    stream.resume(second.events);
    say(stream, 'c');
    stream.finish(Buffer.from('answer'));
    expect(texts(written)).toEqual(['', 'a']);
    expect([first, second].map(({ sent }) => texts(sent))).toEqual([['b'], ['c']]);
    expect([first, second].map(({ delivered }) => texts(delivered))).toEqual([[], ['answer']]);
    expect([first, second].map(({ events }) => events.isOpen)).toEqual([false, false]);
  });

  it('whose answer went out keeps it for a client that did not get it; what is said later is the session’s', () => {
    verifies('mcp:resume');
    const session = sessionOf('2025-11-25');
    const { stream, written } = streamOf({ session });
    say(stream, 'a');
    const id = stream.finish(Buffer.from('answer'));
    expect(id).toMatch(/-1-\d+-Nw$/);
    expect(session.replay.find(written[0]!.id!)!.missed).toMatchObject([
      {},
      { id, data: Buffer.from('answer') },
    ]);
    expect(session.replies.size).toBe(0);
    const { sent, events } = sinkOf();
    session.stream = events;
    expect(say(stream, 'late')).toBe(true);
    expect(texts(sent)).toEqual(['late']);
    expect(missedBy(session, written.at(-1)!.id!)).toEqual(['answer']);
  });

  it('that ends without an answer, as a cancelled call does, ends for a client that came back, too', () => {
    verifies('mcp:resume');
    const session = sessionOf('2025-11-25');
    const { stream, written } = streamOf({ session });
    say(stream, 'a');
    const { delivered, events } = sinkOf();
    stream.resume(events);
    expect(stream.finish(undefined)).toBeUndefined();
    expect(delivered).toEqual([]);
    expect(events.isOpen).toBe(false);
    expect(missedBy(session, written.at(-1)!.id!)).toEqual([]);
    expect(session.replies.size).toBe(0);
  });
});
