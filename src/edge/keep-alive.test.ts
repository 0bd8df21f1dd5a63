import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type EdgeServer, post, startEdge, type Way } from '../../test/support/edge-server.ts';
import { verifies } from '../../test/support/verifies.ts';

const ACCEPT = 'Accept: application/json, text/event-stream';

let server: EdgeServer;
let now = 0;
const pass = (ms: number): void => {
  now += ms;
  vi.advanceTimersByTime(ms);
};

beforeEach(() => {
  now = 0;
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(async () => {
  vi.useRealTimers();
  await server[Symbol.asyncDispose]();
});

describe.each<Way>(['lane', 'general'])(
  '15 seconds of silence, the default bound, on the way of the %s',
  (way) => {
    it('bring a comment on a stream, and no less does', async () => {
      verifies('edge:keep-alive');
      server = await startEdge((exchange) => {
        const stream = exchange.openStream();
        pass(14_999);
        stream.send('before', Buffer.from('{}'));
        pass(1);
        stream.send('after', Buffer.from('{}'));
        pass(15_000);
        stream.close();
      });
      const client = server.connect();
      client.send(post(way, '{}', [ACCEPT]));
      const { body } = await client.answer();
      expect(body.split('\n\n').map((part) => part.split('\n')[0])).toEqual([
        ': open',
        'event: before',
        ': keep-alive',
        'event: after',
        ': keep-alive',
        '',
      ]);
    });

    it('make a stream of an answer, and no less does; what is said counts', async () => {
      verifies('edge:keep-alive');
      server = await startEdge(
        (exchange) => {
          let isBegun = false;
          exchange.mayStream(undefined, () => {
            isBegun = true;
          });
          pass(14_000);
          const before = isBegun;
          pass(1_000);
          const after = isBegun;
          pass(10_000);
          exchange.event(Buffer.from(JSON.stringify({ before, after })));
          pass(14_000);
          exchange.event(Buffer.from('{"quiet":true}'));
          pass(15_000);
          exchange.send(200, undefined, Buffer.from('{}'));
        },
        {},
        { now: () => Date.now(), monotonicMs: () => now },
      );
      const client = server.connect();
      client.send(post(way, '{}', [ACCEPT]));
      const { body } = await client.answer();
      expect(body).toBe(
        ': working\n\nevent: message\ndata: {"before":false,"after":true}\n\n' +
          'event: message\ndata: {"quiet":true}\n\n: working\n\nevent: message\ndata: {}\n\n',
      );
    });
  },
);
