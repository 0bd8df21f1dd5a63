import { describe, expect, it } from 'vitest';
import { NO_CAPABILITIES } from '../wire/capabilities.ts';
import type { EventSink } from './event-sink.ts';
import { ReplayBudget } from './replay.ts';
import { type EventWriter, ReplyStream } from './reply-stream.ts';
import { Session } from './sessions.ts';

const text = (data: Buffer) => data.toString();

function streamOf(options: { revision?: string; hasSession?: boolean; takesEvents?: boolean } = {}) {
  const { revision = '2025-11-25', hasSession = true, takesEvents = true } = options;
  const written: { data: string; id: string | undefined }[] = [];
  const writer: EventWriter & { isGone: boolean } = {
    isGone: false,
    event: (data, id) => {
      if (!takesEvents || writer.isGone) return false;
      written.push({ data: text(data), id });
      return true;
    },
  };
  const facts = { revision, client: undefined, capabilities: NO_CAPABILITIES };
  const session = hasSession ? new Session('s', 'p', facts, new ReplayBudget(1_000_000)) : undefined;
  return { written, writer, session, stream: new ReplyStream(writer, session) };
}

function sink() {
  const sent: { data: string; id: string | undefined }[] = [];
  const events: EventSink & { isOpen: boolean } = {
    isOpen: true,
    send: (_event, data, id) => {
      sent.push({ data: text(data), id });
      return true;
    },
    comment: () => undefined,
    close: () => {
      events.isOpen = false;
    },
  };
  return { sent, events };
}

const say = (stream: ReplyStream, data: string) => stream.send(Buffer.from(data));

describe('the stream of one request', () => {
  it('without a session says what can be written, and tells when it cannot', () => {
    const { stream, written, writer } = streamOf({ hasSession: false });
    expect(say(stream, 'a')).toBe(true);
    writer.isGone = true;
    expect(say(stream, 'b')).toBe(false);
    expect(written).toEqual([{ data: 'a', id: undefined }]);
    expect(say(streamOf({ hasSession: false, takesEvents: false }).stream, 'a')).toBe(false);
  });

  it('begins with an empty event for clients that know that, and with the first one for older ones', () => {
    const fresh = streamOf();
    say(fresh.stream, 'a');
    expect(fresh.written).toEqual([
      { data: '', id: expect.stringMatching(/-1-0$/) },
      { data: 'a', id: expect.stringMatching(/-1-1$/) },
    ]);
    const older = streamOf({ revision: '2025-06-18' });
    say(older.stream, 'a');
    say(older.stream, 'b');
    expect(older.written.map(({ data }) => data)).toEqual(['a', 'b']);
  });

  it('that nothing was said on leaves no trace', () => {
    const { stream, session } = streamOf();
    stream.finish(Buffer.from('answer'));
    expect(stream.isOpen).toBe(false);
    expect(session!.replies.size).toBe(0);
  });

  it.each(['2025-11-25', '2025-06-18'])(
    'of a client of %s that takes no event stream is said on the session’s own',
    (revision) => {
      const { stream, session } = streamOf({ revision, takesEvents: false });
      expect(say(stream, 'nobody listens')).toBe(false);
      const own = sink();
      session!.stream = own.events;
      expect(say(stream, 'a')).toBe(true);
      expect(own.sent.map(({ data }) => data)).toEqual(['a']);
      expect(session!.replies.size).toBe(0);
    },
  );

  it('that broke is kept and taken up where it was, up to the answer, and each event once', () => {
    const { stream, session, written, writer } = streamOf();
    say(stream, 'a');
    say(stream, 'b');
    const last = written.at(-1)!.id!;
    writer.isGone = true;
    expect(say(stream, 'c')).toBe(true);
    const back = session!.replay.after(last)!;
    expect(back.events.map(({ data }) => text(data))).toEqual(['c']);
    const { sent, events } = sink();
    session!.replies.get(back.stream)!.resume(events);
    say(stream, 'd');
    stream.finish(Buffer.from('answer'));
    expect(sent.map(({ data }) => data)).toEqual(['d', 'answer']);
    expect(events.isOpen).toBe(false);
    expect(session!.replies.size).toBe(0);
    // A client that lost this connection, too, finds the answer.
    expect(session!.replay.after(sent[0]!.id!)!.events.map(({ data }) => text(data))).toEqual(['answer']);
  });

  it('whose answer went out is forgotten', () => {
    const { stream, session, written } = streamOf();
    say(stream, 'a');
    stream.finish(Buffer.from('answer'));
    expect(session!.replay.after(written[0]!.id!)!.events).toEqual([]);
    expect(session!.replies.size).toBe(0);
  });
});
