import { expect, test } from 'vitest';
import type { JsonObject } from '../conversation/parts.ts';
import { type LlmCall, readCall, valueOf } from '../llm-call.ts';
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

function inputOf(one: LlmCall): readonly JsonObject[] {
  return valueOf(one)['input'] as readonly JsonObject[];
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

  async isOthers(id: string, keyId: string): Promise<boolean> {
    const row = this.rows.get(id);
    return row !== undefined && row.keyId !== keyId;
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

/** Keeps an answer for `k1` until the store has it. */
async function keep(state: ResponseState, store: SlowStore, body: object, more: object): Promise<void> {
  const kept = state.keep(
    call(body),
    { output: [{ type: 'message', id: 'msg_1' }], ...more },
    'k1',
    'provider',
  );
  while (store.waiting.length === 0) await new Promise(setImmediate);
  store.waiting.shift()!();
  await kept;
}

// What is not known here is known to the provider, or to nobody: a part of it is not the conversation.
test.each([
  { previous_response_id: 'resp_elsewhere' },
  { conversation: 'conv_1' },
  { prompt: { id: 'pmpt_1' } },
])(
  'an answer to more than this gateway has seen is never told as the whole, and neither is what follows (%j)',
  async (reference) => {
    const store = new SlowStore();
    const state = new ResponseState(store, () => 0);
    for (const hasStored of [true, false]) {
      await keep(state, store, { input: 'One.', ...reference }, { id: 'resp_1', store: hasStored });
      await keep(
        state,
        store,
        { input: 'Two.', previous_response_id: 'resp_1' },
        { id: 'resp_2', store: true },
      );
      for (const id of ['resp_1', 'resp_2']) {
        const next = call({ input: 'x', previous_response_id: id });
        expect(await state.expand(next, 'k1')).toBe(next);
        expect(await state.expandAll(next, 'k1')).toBe(next);
      }
    }
  },
);

test('what a mock was told is the whole, as it reads no conversation and no prompt', async () => {
  const store = new SlowStore();
  const state = new ResponseState(store, () => 0);
  const kept = state.keep(
    call({ input: 'One.', prompt: { id: 'p' } }),
    { id: 'resp_1', output: [] },
    'k1',
    'mock',
  );
  const next = await state.expand(call({ input: 'Two.', previous_response_id: 'resp_1' }), 'k1');
  expect(inputOf(next)).toMatchObject([{ content: 'One.' }, { content: 'Two.' }]);
  store.waiting[0]!();
  await kept;
});

test("another key's answer cannot be gone on with, whether the store has it yet or not; one that nobody here knows may be the provider's", async () => {
  const store = new SlowStore();
  const state = new ResponseState(store, () => 0);
  const kept = state.keep(
    call({ input: 'One.' }),
    { id: 'resp_1', output: [], store: true },
    'k1',
    'provider',
  );
  const next = call({ input: 'x', previous_response_id: 'resp_1' });
  const refusal = { status: 400, code: 'previous_response_not_found', param: 'previous_response_id' };
  await expect(state.expand(next, 'k2')).rejects.toMatchObject(refusal);
  store.waiting[0]!();
  await kept;
  await expect(state.expand(next, 'k2')).rejects.toMatchObject(refusal);
  expect(await state.expand(next, 'k1')).toBe(next);
  const unknown = call({ input: 'x', previous_response_id: 'resp_2' });
  expect(await state.expand(unknown, 'k2')).toBe(unknown);
});

const THOUGHTS = [
  { type: 'reasoning', id: 'rs_1', summary: [] },
  { type: 'reasoning', id: 'rs_2', summary: [], encrypted_content: 'sealed' },
];

test('only what says that it is stored is left to its provider; else all is told, but not thoughts that nobody has', async () => {
  const store = new SlowStore();
  const state = new ResponseState(store, () => 0);
  await keep(state, store, { input: 'One.' }, { id: 'resp_1', output: THOUGHTS });
  await keep(state, store, { input: 'One.' }, { id: 'resp_2', output: THOUGHTS, store: true });
  const stored = call({ input: 'Two.', previous_response_id: 'resp_2' });
  expect(await state.expand(stored, 'k1')).toBe(stored);
  const whole = await state.expand(call({ input: 'Two.', previous_response_id: 'resp_1' }), 'k1');
  expect(inputOf(whole)).toMatchObject([{ content: 'One.' }, { id: 'rs_2' }, { content: 'Two.' }]);
  expect(valueOf(whole)).not.toHaveProperty('previous_response_id');
});

test('what is told to another account has no ids of thoughts that it cannot read', async () => {
  const store = new SlowStore();
  const state = new ResponseState(store, () => 0);
  await keep(state, store, { input: 'One.' }, { id: 'resp_1', output: THOUGHTS, store: true });
  const next = call({ input: 'Two.', previous_response_id: 'resp_1' });
  const idsOf = (one: LlmCall): unknown[] => inputOf(one).map(({ id }) => id);
  expect(idsOf(await state.expandAll(next, 'k1', true))).toEqual([undefined, undefined, 'rs_2', undefined]);
  expect(idsOf(await state.expandAll(next, 'k1'))).toEqual([undefined, 'rs_1', 'rs_2', undefined]);
});

test('the next request may come before the conversation of the answer is loaded', async () => {
  const store = new SlowStore();
  const state = new ResponseState(store, () => 0);
  await keep(state, store, { input: 'One.' }, { id: 'resp_1', store: true });
  let letLoad = (): void => undefined;
  const load = store.load.bind(store);
  store.load = async (id, keyId) => {
    await new Promise<void>((resolve) => {
      letLoad = resolve;
    });
    return load(id, keyId);
  };
  const kept = state.keep(
    call({ input: 'Two.', previous_response_id: 'resp_1' }),
    { id: 'resp_2', output: [], store: true },
    'k1',
    'provider',
  );
  const next = state.expandAll(call({ input: 'Three.', previous_response_id: 'resp_2' }), 'k1');
  letLoad();
  expect(inputOf(await next)).toMatchObject([
    { content: 'One.' },
    { id: 'msg_1' },
    { content: 'Two.' },
    { content: 'Three.' },
  ]);
  store.waiting[0]!();
  await kept;
});

test('so many bytes of answers wait for the store; more are not kept, until it has taken some', async () => {
  const store = new SlowStore();
  const state = new ResponseState(store, () => 0, 2_000);
  const one = (id: string, length: number): Promise<void> =>
    state.keep(call({ input: 'x'.repeat(length) }), { id, output: [] }, 'k1');
  // One may always wait.
  const first = one('resp_1', 5_000);
  await expect(one('resp_2', 10)).rejects.toThrow('wait for the database');
  await expect(state.get('resp_2', 'k1')).rejects.toThrow('not found');
  store.waiting.shift()!();
  await first;
  // As long as an answer comes to.
  const both = [one('resp_3', 900), one('resp_4', 100)];
  await expect(
    state.keep(call({ input: '' }), { id: 'resp_5', output: ['y'.repeat(900)] }, 'k1'),
  ).rejects.toThrow('wait for the database');
  for (const let_ of store.waiting.splice(0)) let_();
  await Promise.all(both);
  expect([...store.rows.keys()]).toEqual(['resp_1', 'resp_3', 'resp_4']);
});
