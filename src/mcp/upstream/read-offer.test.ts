import { describe, expect, it } from 'vitest';
import { messageOf } from '../../../test/support/engine/fake-upstream.ts';
import { verifies } from '../../../test/support/verifies.ts';
import type { RpcReply } from '../wire/message.ts';
import type { Peer } from './peer.ts';
import { readOffer } from './read-offer.ts';
import type { Transport } from './transport.ts';

/** A server whose list of tools has so many pages, with one tool on each. */
function serverWith(pages: number, cursorOf: (page: number) => string = String) {
  let page = 0;
  let id = 0;
  const peer = {
    transport: {
      request: () => {
        const at = page++;
        const result = {
          tools: [{ name: `tool ${at}` }],
          ...(page < pages ? { nextCursor: cursorOf(page) } : {}),
        };
        return Promise.resolve(messageOf({ id, result }) as RpcReply);
      },
    } as unknown as Transport,
    era: 'legacy',
    revision: '2025-06-18',
    capabilities: Buffer.from('{"tools":{}}'),
    envelope: undefined,
    nextId: () => ++id,
  } as unknown as Peer;
  return peer;
}

describe('a list of many pages', () => {
  it('is read to its thousandth page', async () => {
    verifies('bounds:tables');
    expect((await readOffer(serverWith(1_000), 1_000)).tools).toHaveLength(1_000);
  });

  it('with one page more, or with a page twice, is a server that loops', async () => {
    verifies('bounds:tables');
    await expect(readOffer(serverWith(1_001), 1_000)).rejects.toThrow('has more than 1000 pages');
    await expect(
      readOffer(
        serverWith(1_000, (page) => String(page % 3)),
        1_000,
      ),
    ).rejects.toThrow('repeat a cursor');
  });
});
