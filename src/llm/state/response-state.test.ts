import { expect, test } from 'vitest';
import { type LlmCall, readCall } from '../llm-call.ts';
import type { ResponseStore, StoredResponse } from '../llm-ports.ts';
import { ResponseState } from './response-state.ts';

const ROUTE = {
  format: 'responses',
  operation: 'generate',
  model: undefined,
  isStream: undefined,
  framing: 'sse',
} as const;

function call(body: object): LlmCall {
  return readCall(ROUTE, Buffer.from(JSON.stringify({ model: 'm', ...body })), {});
}

/** A store whose saves last until they are let go. */
class SlowStore implements ResponseStore {
  readonly rows = new Map<string, StoredResponse>();
  readonly waiting: (() => void)[] = [];
  isDown = false;

  save(row: StoredResponse): Promise<void> {
    return new Promise((resolve) =>
      this.waiting.push(() => {
        this.rows.set(row.id, row);
        resolve();
      }),
    );
  }

  async load(id: string, keyId: string): Promise<StoredResponse | undefined> {
    if (this.isDown) throw new Error('down');
    const row = this.rows.get(id);
    return row?.keyId === keyId ? row : undefined;
  }

  async remove(id: string, keyId: string): Promise<boolean> {
    return (await this.load(id, keyId)) !== undefined && this.rows.delete(id);
  }
}

test('an answer can be referred to before the store has it, by its key alone', async () => {
  const store = new SlowStore();
  const state = new ResponseState(store, () => 0);
  const response = { id: 'resp_1', output: [] };
  const kept = state.keep(call({ input: 'One.' }), response, 'k1');
  expect(await state.get('resp_1', 'k1')).toEqual(response);
  await expect(state.get('resp_1', 'k2')).rejects.toThrow('not found');
  const removed = state.remove('resp_1', 'k1');
  store.waiting[0]!();
  await kept;
  await removed;
  expect(store.rows.size).toBe(0);
  await expect(state.get('resp_1', 'k1')).rejects.toThrow('not found');
});

// An answer with tools on the way has further ids of the request's, which end in a number.
test.each(['', '1', '2k'])(
  'an answer that another process gave a moment ago is waited for, and deleted for good; one that nobody gave is not waited for (…%s)',
  async (end) => {
    const store = new SlowStore();
    const now = 1_790_000_000_000;
    const [one, other] = [new ResponseState(store, () => now), new ResponseState(store, () => now)];
    const id = `resp_${(now - 1_000).toString(16).padStart(12, '0')}7${'0'.repeat(19)}${end}`;
    const loads: string[] = [];
    const load = store.load.bind(store);
    store.load = async (asked, keyId) => {
      // The first look comes before the answer is written down.
      if (loads.push(asked) === 1) setImmediate(() => store.waiting[0]!());
      return load(asked, keyId);
    };
    const kept = one.keep(call({ input: 'One.' }), { id, output: [] }, 'k1');
    expect(await other.get(id, 'k1')).toEqual({ id, output: [] });
    await kept;
    expect(loads).toEqual([id, id]);
    await other.remove(id, 'k1');
    expect(store.rows.size).toBe(0);
    loads.length = 0;
    await expect(other.get('resp_nobody', 'k1')).rejects.toThrow('not found');
    expect(loads).toEqual(['resp_nobody']);
  },
);

test('a store that is away is told apart from an answer that there is not', async () => {
  const store = new SlowStore();
  const state = new ResponseState(store, () => 0);
  store.isDown = true;
  await expect(
    state.expand(call({ input: 'x', previous_response_id: 'resp_1' }), 'k1'),
  ).rejects.toMatchObject({
    status: 503,
    code: 'state_unavailable',
  });
});
