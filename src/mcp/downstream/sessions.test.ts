import { describe, expect, it } from 'vitest';
import { verifies } from '../../../test/support/verifies.ts';
import { Cancellation } from '../../core/cancellation.ts';
import { createSeal } from '../../core/seal.ts';
import { readCapabilities } from '../wire/capabilities.ts';
import { readMessage } from '../wire/message.ts';
import type { EventSink } from './event-sink.ts';
import { Sessions } from './sessions.ts';

const SECRET = Buffer.alloc(32, 1);
const FACTS = {
  revision: '2025-06-18',
  client: 'editor/1',
  capabilities: readCapabilities('{"roots":{},"elicitation":{"url":{}},"x":1}'),
};
const IDLE_MS = 30 * 60_000;

function sessionsOf(secret = SECRET): Sessions {
  return new Sessions(
    createSeal(() => [secret], 'mcp-session'),
    { sessionsMax: 100, inFlightPerSessionMax: 4 },
  );
}

interface Heard extends EventSink {
  isOpen: boolean;
  readonly sent: string[];
  readonly delivered: string[];
  readonly ids: (string | undefined)[];
}

function sinkOf(): Heard {
  const sink: Heard = {
    isOpen: true,
    sent: [],
    delivered: [],
    ids: [],
    send: (_event, data, id) => {
      sink.sent.push(data.toString());
      sink.ids.push(id);
      return true;
    },
    deliver: (data) => {
      sink.delivered.push(data.toString());
    },
    comment: () => undefined,
    close: () => {
      sink.isOpen = false;
    },
  };
  return sink;
}

const refused = (code: string) => expect.objectContaining({ code });
const messages = (...texts: string[]) => texts.map((text) => readMessage(Buffer.from(text)));
const request = (id: number): string => `{"jsonrpc":"2.0","id":${id},"method":"ping"}`;
const REPLY = '{"jsonrpc":"2.0","id":1,"result":{}}';
const CANCELLED = '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}';

describe('sessions', () => {
  it('go on in another process with the same secret, with what the client said of itself', () => {
    verifies('mcp:session-binding');
    const { id } = sessionsOf().open('a', FACTS);
    const again = sessionsOf().find(id, 'a');
    expect(again).toMatchObject({ id, principalId: 'a', ...FACTS });
    expect(() => sessionsOf(Buffer.alloc(32, 2)).find(id, 'a')).toThrow(refused('session-unknown'));
  });

  it('of one client differ, and have ids that may stand in a header', () => {
    const one = sessionsOf();
    const ids = Array.from({ length: 50 }, () => one.open('a', FACTS).id);
    expect(new Set(ids).size).toBe(50);
    for (const id of ids) expect(id).toMatch(/^[\x21-\x7e]+$/);
  });

  it('are nobody else’s, whether they are known here or not', () => {
    verifies('mcp:session-binding');
    const one = sessionsOf();
    const { id } = one.open('a', FACTS);
    for (const here of [one, sessionsOf()]) {
      expect(() => here.find(id, 'b')).toThrow(refused('session-unknown'));
      expect(here.find(id, 'a').principalId).toBe('a');
    }
  });

  it('that were changed, cut or made up are unknown', () => {
    verifies('mcp:session-binding');
    const { id } = sessionsOf().open('a', FACTS);
    const other = id.startsWith('A') ? 'B' : 'A';
    for (const wrong of ['', 'x', id.slice(1), `${id}A`, id.slice(0, -4), `${other}${id.slice(1)}`])
      expect(() => sessionsOf().find(wrong, 'a'), wrong).toThrow(refused('session-unknown'));
  });

  it('that live on a stream cannot be continued elsewhere, nor after it', () => {
    const one = sessionsOf();
    const session = one.openOnStream('11f1', 'a');
    expect(one.find('11f1', 'a')).toBe(session);
    expect(() => one.find('11f1', 'b')).toThrow(refused('session-unknown'));
    expect(() => sessionsOf().find('11f1', 'a')).toThrow(refused('session-unknown'));
    one.end(session);
    expect(() => one.find('11f1', 'a')).toThrow(refused('session-unknown'));
  });

  it('carry long capabilities as what is understood of them', () => {
    const elicitation = { form: {}, url: {} };
    const known = { sampling: { tools: {} }, elicitation, roots: {} };
    const capabilities = readCapabilities(
      JSON.stringify({ ...known, experimental: { x: 'y'.repeat(5_000) } }),
    );
    const { id } = sessionsOf().open('a', { ...FACTS, client: 'c'.repeat(5_000), capabilities });
    expect(id.length).toBeLessThan(1_000);
    const { text, ...understood } = capabilities;
    expect(text.length).toBeGreaterThan(5_000);
    const again = sessionsOf().find(id, 'a');
    expect(again.capabilities).toMatchObject(understood);
    expect(again.client).toBe('c'.repeat(100));
  });

  it('take requests up to the bound, whole batches or none of them, and always what is no request', () => {
    verifies('bounds:in-flight');
    const one = sessionsOf();
    const session = one.open('a', FACTS);
    const three = messages(request(1), CANCELLED, request(2), REPLY, request(3));
    one.enter(session, three);
    expect(session.inFlight).toBe(3);
    expect(() => one.enter(session, messages(request(4), request(5)))).toThrow(refused('session-busy'));
    expect(session.inFlight).toBe(3);
    one.enter(session, messages(request(4)));
    one.enter(session, messages(CANCELLED, REPLY));
    expect(() => one.enter(session, messages(request(5)))).toThrow(refused('session-busy'));
    one.leave(session, three);
    one.leave(session, messages(request(4)));
    one.leave(session, messages(CANCELLED, REPLY));
    expect(session.inFlight).toBe(0);
    const many = messages(...Array.from({ length: 100 }, (_, at) => request(at)));
    one.enter(undefined, many);
    one.leave(undefined, many);
  });
});

describe('a session that ends', () => {
  it('gives up its calls, its stream, what it watches and what else is to be given up, and stays ended', () => {
    verifies('mcp:session-binding');
    const one = sessionsOf();
    const session = one.open('a', FACTS);
    const done: string[] = [];
    const call = new Cancellation();
    session.calls.set('1', call);
    session.watched.set('file:///a', () => done.push('watch'));
    session.onEnd.add(() => done.push('end'));
    const stream = sinkOf();
    session.listen(stream, undefined, () => () => {
      done.push('listener');
      return new Map();
    });
    session.say(Buffer.from('kept'));
    one.end(session);
    expect(call).toMatchObject({ isCancelled: true, reason: 'the session ended' });
    expect(done.sort()).toEqual(['end', 'listener', 'watch']);
    expect(stream.isOpen).toBe(false);
    expect(session.replay.find(session.replay.place(0).replace(/-1$/, '-0'))?.missed).toEqual([]);
    expect(one.size).toBe(0);
    expect(() => one.find(session.id, 'a')).toThrow(refused('session-unknown'));
    // Twice is as good as once.
    one.end(session);
    expect(done).toHaveLength(3);
  });
});

describe('a session that nobody uses for half an hour', () => {
  it('is forgotten with all it holds, and comes back by its id', () => {
    verifies('bounds:sessions');
    const one = sessionsOf();
    const session = one.open('a', FACTS);
    const done: string[] = [];
    session.watched.set('file:///a', () => done.push('watch'));
    session.onEnd.add(() => done.push('end'));
    one.sweep(session.usedAt + IDLE_MS);
    expect(one.size).toBe(1);
    one.sweep(session.usedAt + IDLE_MS + 1);
    expect([one.size, done.sort()]).toEqual([0, ['end', 'watch']]);
    expect(one.find(session.id, 'a')).toMatchObject({ id: session.id, client: 'editor/1' });
  });

  it('is kept as long as it has a stream, or a request under way', () => {
    verifies('bounds:sessions');
    const one = sessionsOf();
    const [listening, busy] = [one.open('a', FACTS), one.open('a', FACTS)];
    const stream = sinkOf();
    listening.listen(stream, undefined, () => () => new Map());
    one.enter(busy, messages(request(1)));
    const later = Date.now() + 2 * IDLE_MS;
    one.sweep(later);
    expect([...one.all()]).toEqual([listening, busy]);
    one.leave(busy, messages(request(1)));
    listening.stopListening(stream);
    one.sweep(later);
    expect(one.size).toBe(0);
  });
});

describe('the stream of a session', () => {
  it('carries what is said, numbered and kept; without one, nothing can be said', () => {
    verifies('mcp:resume');
    const session = sessionsOf().open('a', FACTS);
    expect(session.say(Buffer.from('lost'))).toBe(false);
    const stream = sinkOf();
    session.listen(stream, undefined, () => () => new Map());
    expect(session.say(Buffer.from('a'))).toBe(true);
    session.say(Buffer.from('b'));
    expect(stream.sent).toEqual(['a', 'b']);
    expect(session.replay.find(stream.ids[0]!)).toMatchObject({
      stream: 0,
      missed: [{ data: Buffer.from('b') }],
    });
  });

  it('is told news even while it is away, once it had one, and gets them with the next', () => {
    verifies('mcp:resume');
    const session = sessionsOf().open('a', FACTS);
    const start = session.replay.place(0);
    session.tell(Buffer.from('before it ever had a stream'));
    const [first, second] = [sinkOf(), sinkOf()];
    const known = new Map([['tools', 'digest']] as const);
    session.listen(first, undefined, () => () => known);
    session.stopListening(first);
    session.tell(Buffer.from('news'));
    session.say(Buffer.from('no news'));
    let knew: unknown;
    session.listen(second, session.replay.find(start), (what) => {
      knew = what;
      return () => new Map();
    });
    expect(second.delivered).toEqual(['news']);
    expect(knew).toBe(known);
  });

  it('gives way to the next one, whose end is not the end of the one after', () => {
    verifies('mcp:resume');
    const session = sessionsOf().open('a', { ...FACTS, revision: '2025-11-25' });
    const [first, second] = [sinkOf(), sinkOf()];
    const stopped: string[] = [];
    const starting = (name: string) => () => () => {
      stopped.push(name);
      return new Map();
    };
    session.listen(first, undefined, starting('first'));
    session.listen(second, undefined, starting('second'));
    expect([first.isOpen, second.isOpen, stopped]).toEqual([false, true, ['first']]);
    session.stopListening(first);
    expect(session.stream).toBe(second);
    session.say(Buffer.from('a'));
    // An event without data, with the place, begins each: clients of this revision know what it is for.
    expect([first.sent, second.sent]).toEqual([[''], ['', 'a']]);
    session.stopListening(second);
    expect(stopped).toEqual(['first', 'second']);
    expect(session.stream).toBeUndefined();
  });
});
