import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { verifies } from '../../../test/support/verifies.ts';
import { BOUNDS } from '../../core/bounds.ts';
import type { GatewayError } from '../../core/errors.ts';
import { createSeal } from '../../core/seal.ts';
import { readCapabilities } from '../wire/capabilities.ts';
import { readMessage } from '../wire/message.ts';
import type { EventSink } from './event-sink.ts';
import { type Session, Sessions } from './sessions.ts';

const secret = randomBytes(32);
const seal = createSeal(() => [secret], 'mcp-session');
const FACTS = {
  revision: '2025-06-18',
  client: 'unit/1',
  capabilities: readCapabilities('{"roots":{},"elicitation":{}}'),
};
const stream = (): EventSink => ({ send: () => true, deliver() {}, comment() {}, close() {} });
const listen = (session: Session): void => session.listen(stream(), undefined, () => () => new Map());
const request = (id: number) => readMessage(Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"ping"}`));
const codeOf = (act: () => unknown): string | undefined => {
  try {
    act();
    return undefined;
  } catch (error) {
    return (error as GatewayError).code;
  }
};

describe('10,000 sessions, the default bound,', () => {
  it('are forgotten when they are idle, oldest first, and come back by their ids', () => {
    verifies('bounds:sessions');
    const sessions = new Sessions(seal, BOUNDS);
    const ids = Array.from({ length: 10_000 }, () => sessions.open('anna', FACTS).id);
    expect(sessions.size).toBe(10_000);
    const first = sessions.find(ids[0]!, 'anna');
    const more = sessions.open('anna', FACTS);
    expect(sessions.size).toBe(10_000);
    const back = sessions.find(ids[0]!, 'anna');
    expect(back).not.toBe(first);
    expect(back).toMatchObject({ revision: '2025-06-18', client: 'unit/1' });
    expect(back.capabilities).toEqual(FACTS.capabilities);
    expect(sessions.size).toBe(10_000);
    expect(sessions.find(more.id, 'anna')).toBe(more);
  });

  it('with open streams leave no room for another one, until one of them is idle', () => {
    verifies('bounds:sessions');
    const sessions = new Sessions(seal, BOUNDS);
    const forgotten = sessions.open('anna', FACTS).id;
    const all = Array.from({ length: 10_000 }, () => {
      const session = sessions.open('anna', FACTS);
      listen(session);
      return session;
    });
    expect(codeOf(() => sessions.open('anna', FACTS))).toBe('session-limit');
    expect(codeOf(() => sessions.find(forgotten, 'anna'))).toBe('session-limit');
    expect(codeOf(() => sessions.openOnStream('x', 'anna'))).toBe('session-limit');
    const idle = all[5_000]!;
    idle.stopListening(idle.stream);
    expect(sessions.open('anna', FACTS).principalId).toBe('anna');
    expect(sessions.size).toBe(10_000);
  });

  it('in the middle of requests, or that watch something, are not forgotten', () => {
    verifies('bounds:sessions');
    const sessions = new Sessions(seal, { ...BOUNDS, sessionsMax: 2 });
    const busy = sessions.open('anna', FACTS);
    sessions.enter(busy, [request(1)]);
    const watching = sessions.open('anna', FACTS);
    watching.watched.set('test://x', () => undefined);
    expect(codeOf(() => sessions.open('anna', FACTS))).toBe('session-limit');
    sessions.leave(busy, [request(1)]);
    expect(codeOf(() => sessions.open('anna', FACTS))).toBeUndefined();
    expect(sessions.find(watching.id, 'anna')).toBe(watching);
  });
});

describe('an ended session', () => {
  it('stays ended, however many streams came and went meanwhile', () => {
    verifies('mcp:session-binding');
    const sessions = new Sessions(seal, BOUNDS);
    const { id } = sessions.open('anna', FACTS);
    sessions.end(sessions.find(id, 'anna'));
    for (let at = 0; at < 10_001; at++) sessions.end(sessions.openOnStream(`stream-${at}`, 'bert'));
    expect(codeOf(() => sessions.find(id, 'anna'))).toBe('session-unknown');
  });
});

describe('what is kept for clients that come back', () => {
  const filled = (session: Session, bytes: number): string => {
    const number = session.replay.openStream();
    const place = session.replay.place(number);
    session.replay.record(number, Buffer.alloc(bytes, 0x20));
    return place;
  };

  it('is at most 64 MiB for all sessions together; the oldest goes first, whosever it is', () => {
    verifies('mcp:resume');
    const sessions = new Sessions(seal, BOUNDS);
    const all = Array.from({ length: 70 }, () => {
      const session = sessions.open('anna', FACTS);
      return { session, place: filled(session, 1024 * 1024) };
    });
    const missed = all.map(({ session, place }) => session.replay.find(place)?.missed.length);
    expect(missed).toEqual([...Array.from({ length: 6 }, () => 0), ...Array.from({ length: 64 }, () => 1)]);
    // What a session held is free when it ends.
    sessions.end(all[69]!.session);
    const last = sessions.open('anna', FACTS);
    const place = filled(last, 1024 * 1024);
    expect(last.replay.find(place)?.missed).toHaveLength(1);
    expect(all[6]!.session.replay.find(all[6]!.place)?.missed).toHaveLength(1);
  });

  it('is at most 1 MiB and 512 events for one session', () => {
    verifies('mcp:resume');
    const sessions = new Sessions(seal, BOUNDS);
    const { replay } = sessions.open('anna', FACTS);
    const first = replay.openStream();
    const start = replay.place(first);
    for (let at = 0; at < 600; at++) replay.record(first, Buffer.from('{}'));
    expect(replay.find(start)?.missed).toHaveLength(512);
    replay.record(first, Buffer.alloc(1024 * 1024 - 10));
    expect(replay.find(start)?.missed).toHaveLength(6);
  });
});
