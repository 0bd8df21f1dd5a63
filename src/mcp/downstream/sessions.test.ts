import { describe, expect, it } from 'vitest';
import { createSeal } from '../../core/seal.ts';
import { readCapabilities } from '../wire/capabilities.ts';
import { Session, Sessions } from './sessions.ts';

const SECRET = Buffer.alloc(32, 1);
const FACTS = {
  revision: '2025-06-18',
  client: 'editor/1',
  capabilities: readCapabilities('{"roots":{},"elicitation":{"url":{}},"x":1}'),
};

function sessions(bounds: { sessionsMax?: number; inFlightPerSessionMax?: number } = {}, secret = SECRET) {
  return new Sessions(
    createSeal(() => [secret], 'mcp-session'),
    {
      sessionsMax: 100,
      inFlightPerSessionMax: 4,
      ...bounds,
    },
  );
}

const refused = (code: string) => expect.objectContaining({ code });

describe('sessions', () => {
  it('go on in another process with the same secret, with what the client said of itself', () => {
    const { id } = sessions().open('a', FACTS);
    const again = sessions().find(id, 'a');
    expect(again).toMatchObject({ id, principalId: 'a', ...FACTS });
    expect(() => sessions({}, Buffer.alloc(32, 2)).find(id, 'a')).toThrow(refused('session-unknown'));
  });

  it('of one client differ, and have ids that may stand in a header', () => {
    const one = sessions();
    const ids = Array.from({ length: 50 }, () => one.open('a', FACTS).id);
    expect(new Set(ids).size).toBe(50);
    for (const id of ids) expect(id).toMatch(/^[\x21-\x7e]+$/);
  });

  it('are nobody else’s, whether they are known here or not', () => {
    const one = sessions();
    const { id } = one.open('a', FACTS);
    for (const here of [one, sessions()]) {
      expect(() => here.find(id, 'b')).toThrow(refused('session-unknown'));
      expect(here.find(id, 'a').principalId).toBe('a');
    }
  });

  it('that were changed, cut or made up are unknown', () => {
    const { id } = sessions().open('a', FACTS);
    for (const wrong of [
      '',
      'x',
      id.slice(1),
      `${id}A`,
      id.slice(0, -4),
      `${id[0] === 'A' ? 'B' : 'A'}${id.slice(1)}`,
    ])
      expect(() => sessions().find(wrong, 'a'), wrong).toThrow(refused('session-unknown'));
  });

  it('that have ended stay ended', () => {
    const one = sessions();
    const session = one.open('a', FACTS);
    let stopped = 0;
    session.watched.set('file:///a', () => stopped++);
    let open = true;
    session.stream = {
      send: () => true,
      comment: () => undefined,
      close: () => {
        open = false;
      },
    };
    one.end(session);
    expect(() => one.find(session.id, 'a')).toThrow(refused('session-unknown'));
    expect({ stopped, open, size: one.size }).toEqual({ stopped: 1, open: false, size: 0 });
  });

  it('are bounded: one that is idle is forgotten and comes back, one in use is neither', () => {
    const one = sessions({ sessionsMax: 2 });
    const busy = one.open('a', FACTS);
    one.enter(busy, 1);
    const idle = one.open('a', FACTS);
    const third = one.open('a', FACTS);
    expect(one.size).toBe(2);
    expect(one.find(busy.id, 'a')).toBe(busy);
    third.watched.set('file:///a', () => undefined);
    expect(() => one.open('a', FACTS)).toThrow(refused('session-limit'));
    expect(() => one.find(idle.id, 'a')).toThrow(refused('session-limit'));
    one.leave(busy, 1);
    expect(one.find(idle.id, 'a')).toMatchObject({ id: idle.id, client: 'editor/1' });
    expect(one.size).toBe(2);
  });

  it('have a bound of requests at a time, whole batches or none of them', () => {
    const one = sessions();
    const session = one.open('a', FACTS);
    one.enter(session, 3);
    expect(() => one.enter(session, 2)).toThrow(refused('session-busy'));
    expect(session.inFlight).toBe(3);
    one.enter(session, 1);
    one.leave(session, 4);
    expect(session.inFlight).toBe(0);
    one.enter(undefined, 1_000);
    one.leave(undefined, 1_000);
  });

  it('that live on a stream cannot be continued elsewhere', () => {
    const one = sessions();
    const session = one.openOnStream('11f1', 'a');
    expect(one.find('11f1', 'a')).toBe(session);
    expect(() => one.find('11f1', 'b')).toThrow(refused('session-unknown'));
    expect(() => sessions().find('11f1', 'a')).toThrow(refused('session-unknown'));
    one.end(session);
    expect(() => one.find('11f1', 'a')).toThrow(refused('session-unknown'));
  });

  it('carry long capabilities as what is understood of them', () => {
    const capabilities = readCapabilities(
      JSON.stringify({ sampling: { tools: {} }, elicitation: {}, experimental: { x: 'y'.repeat(5_000) } }),
    );
    const { id } = sessions().open('a', { ...FACTS, capabilities });
    expect(id.length).toBeLessThan(1_000);
    const { text, ...understood } = capabilities;
    expect(text.length).toBeGreaterThan(5_000);
    expect(sessions().find(id, 'a').capabilities).toMatchObject(understood);
  });

  it('say things on their stream, numbered and kept, and nothing without one', () => {
    const session: Session = sessions().open('a', FACTS);
    expect(session.say(Buffer.from('lost'))).toBe(false);
    const sent: (string | undefined)[] = [];
    session.stream = { send: (_event, _data, id) => sent.push(id) > 0, comment() {}, close() {} };
    expect(session.say(Buffer.from('a'))).toBe(true);
    session.say(Buffer.from('b'));
    expect(session.replay.after(sent[0]!)).toMatchObject({ stream: 0, events: [{ data: Buffer.from('b') }] });
  });
});
