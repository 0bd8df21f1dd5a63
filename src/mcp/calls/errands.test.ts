import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { messageOf } from '../../../test/support/engine/fake-upstream.ts';
import { verifies } from '../../../test/support/verifies.ts';
import { Cancellation } from '../../core/cancellation.ts';
import { createSeal } from '../../core/seal.ts';
import { ModernCaller } from '../downstream/callers.ts';
import { ReplyStream } from '../downstream/reply-stream.ts';
import type { Neighbours } from '../mcp-ports.ts';
import type { ServerReply } from '../upstream/connection.ts';
import type { RpcReply, RpcRequest } from '../wire/message.ts';
import { Errands } from './errands.ts';
import { type OpenedState, ParkedCalls } from './parked-calls.ts';
import type { CallTarget } from './target.ts';

const TARGET = { server: 'one', method: 'tools/call', originalName: 'work' } as CallTarget;
const request = messageOf({ id: 1, method: 'tools/call', params: { name: 'work' } }) as RpcRequest;
const streamOf = (said: string[]): ReplyStream =>
  new ReplyStream({ event: (data) => said.push(data.toString()) > 0, isGone: false }, undefined);

/** Two that hear each other, as long as both are there. */
function pair(): { readonly here: Neighbours; readonly there: Neighbours; isThereGone: boolean } {
  const ears = { here: new Set<(word: string) => void>(), there: new Set<(word: string) => void>() };
  const both = { isThereGone: false };
  const side = (mine: 'here' | 'there', theirs: 'here' | 'there'): Neighbours => ({
    tell: (word) => {
      if (!both.isThereGone) for (const listener of ears[theirs]) listener(word);
      return true;
    },
    hear: (listener) => {
      ears[mine].add(listener);
      return () => ears[mine].delete(listener);
    },
  });
  return Object.assign(both, { here: side('here', 'there'), there: side('there', 'here') });
}

const seal = createSeal(() => [Buffer.alloc(32, 1)], 'request-state');
let neighbours: ReturnType<typeof pair>;
let owner: ParkedCalls;
let errands: Errands;
let theirs: Errands;

beforeEach(() => {
  vi.useFakeTimers();
  neighbours = pair();
  owner = new ParkedCalls(seal, Date.now);
  theirs = new Errands(neighbours.there, owner);
  errands = new Errands(neighbours.here, new ParkedCalls(seal, Date.now));
});
afterEach(() => {
  for (const one of [errands, theirs]) one[Symbol.dispose]();
  owner.close();
  vi.useRealTimers();
});

/** A call that is parked at the other one. */
async function parked() {
  const caller = new ModernCaller('anna', request, streamOf([]));
  const outcome = Promise.withResolvers<ServerReply>();
  const begun = owner.begin(caller, TARGET, outcome.promise);
  const asked = caller.ask({
    key: 'q',
    method: 'roots/list',
    params: undefined,
    cancellation: new Cancellation(),
    onProgress: undefined,
  });
  await vi.advanceTimersByTimeAsync(10);
  const step = await begun;
  if (step.kind !== 'input') throw new Error('it was not parked');
  const { requestState } = JSON.parse(step.result.toString()) as { requestState: string };
  const state = owner.open(requestState, 'anna', TARGET) as Extract<OpenedState, { kind: 'parked' }>;
  return { caller, outcome, asked, state };
}

const codeOf = (step: Promise<unknown>): Promise<unknown> =>
  step.then(
    () => 'nothing',
    (error: { readonly code?: unknown }) => error.code,
  );

const answering = messageOf({
  id: 2,
  method: 'tools/call',
  params: { name: 'work', inputResponses: { q: { roots: [] } } },
}) as RpcRequest;

it('a call that waits elsewhere goes on there, and what is said on its way comes here', async () => {
  verifies('replicas:words');
  const { caller, outcome, asked, state } = await parked();
  const said: string[] = [];
  const sent = errands.send(state, answering, {
    server: 'one',
    stream: streamOf(said),
    onStart: () => undefined,
  });
  expect((await asked).kind).toBe('result');
  caller.tell(Buffer.from('{"progress":1}'));
  expect(said).toEqual(['{"progress":1}']);
  outcome.resolve({ reply: messageOf({ id: 7, result: { done: true } }) as RpcReply, era: 'legacy' });
  const step = await sent;
  expect(step).toMatchObject({ kind: 'reply', reply: { era: 'legacy', reply: { kind: 'result' } } });
});

it('a call that nobody has is over at once, and one whose gateway dies is lost after a while', async () => {
  verifies('replicas:words');
  const from = { server: 'one', stream: streamOf([]), onStart: () => undefined };
  const unknown = errands.send({ kind: 'parked', id: 'nobody', turn: 0 }, answering, from);
  const refused = codeOf(unknown);
  await vi.advanceTimersByTimeAsync(1_500);
  expect(await refused).toBe('state-invalid');
  const { state } = await parked();
  const sent = errands.send(state, answering, from);
  const lost = codeOf(sent);
  // As long as it says that it works, it may take what time it needs.
  await vi.advanceTimersByTimeAsync(60_000);
  neighbours.isThereGone = true;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await lost).toBe('call-lost');
});

it('a client that goes away gives the call up where it is, and a state is good once', async () => {
  verifies('replicas:words');
  const { caller, outcome, state } = await parked();
  let mine: Cancellation | undefined;
  const from = {
    server: 'one',
    stream: streamOf([]),
    onStart: (cancellation: Cancellation) => {
      mine = cancellation;
    },
  };
  const sent = errands.send(state, answering, from);
  await expect(errands.send(state, answering, { ...from, onStart: () => undefined })).rejects.toMatchObject({
    code: 'state-invalid',
  });
  mine!.cancel('gone');
  expect(caller.cancellation.reason).toBe('gone');
  outcome.reject(new Error('gone'));
  await expect(sent).rejects.toMatchObject({ code: 'internal' });
});
