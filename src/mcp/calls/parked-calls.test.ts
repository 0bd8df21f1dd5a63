import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { messageOf } from '../../../test/support/engine/fake-upstream.ts';
import { verifies } from '../../../test/support/verifies.ts';
import { Cancellation } from '../../core/cancellation.ts';
import { createSeal } from '../../core/seal.ts';
import { ModernCaller } from '../downstream/callers.ts';
import { ReplyStream } from '../downstream/reply-stream.ts';
import type { ServerReply } from '../upstream/connection.ts';
import type { RpcReply, RpcRequest } from '../wire/message.ts';
import { ParkedCalls, type Step } from './parked-calls.ts';
import type { CallTarget } from './target.ts';

const TARGET = {
  server: 'one',
  method: 'tools/call',
  originalName: 'work',
} as CallTarget;
const REPLY: ServerReply = {
  reply: messageOf({ id: 1, result: {} }) as RpcReply,
  era: 'legacy',
};
const stream = (): ReplyStream => new ReplyStream({ event: () => false, isGone: false }, undefined);
const request = messageOf({ id: 1, method: 'tools/call', params: { name: 'work' } }) as RpcRequest;

let parked: ParkedCalls;
beforeEach(() => {
  vi.useFakeTimers();
  parked = new ParkedCalls(
    createSeal(() => [Buffer.alloc(32, 1)], 'request-state'),
    Date.now,
  );
});
afterEach(() => {
  parked.close();
  vi.useRealTimers();
});

/** A call whose server asks its client something; `end` answers it. */
function asking(principalId: string) {
  const caller = new ModernCaller(principalId, request, stream());
  let end = (_reply: ServerReply): void => undefined;
  const outcome = new Promise<ServerReply>((resolve) => {
    end = resolve;
  });
  const step = parked.begin(caller, TARGET, outcome);
  step.catch(() => undefined);
  caller
    .ask({
      key: 'q',
      method: 'roots/list',
      params: undefined,
      cancellation: new Cancellation(),
      onProgress: undefined,
    })
    .catch(() => undefined);
  return { caller, step, end: () => end(REPLY) };
}
async function park(principalId: string, count: number) {
  const all = Array.from({ length: count }, () => asking(principalId));
  await vi.advanceTimersByTimeAsync(10);
  await Promise.all(all.map(({ step }) => step));
  return all;
}
const stateOf = (step: Step): string =>
  step.kind === 'input' ? (JSON.parse(step.result.toString()) as { requestState: string }).requestState : '';
const limit = (max: number) =>
  expect.objectContaining({
    code: 'questions-limit',
    message: expect.stringContaining(`Already ${max} calls`),
  });

describe('calls that wait for their clients', () => {
  it('are 32 for one principal; one more is given up, and others have theirs', async () => {
    verifies('bounds:questions');
    await park('anna', 32);
    const more = asking('anna');
    await vi.advanceTimersByTimeAsync(10);
    await expect(more.step).rejects.toEqual(limit(32));
    expect(more.caller.cancellation.isCancelled).toBe(true);
    await park('bert', 32);
    expect(parked.size).toBe(64);
  });

  it('are 1,000 in all; one more is given up, until one of them is over', async () => {
    verifies('bounds:questions');
    const all = [];
    for (let at = 0; at < 1_000; at += 20) all.push(...(await park(`user ${at}`, 20)));
    expect(parked.size).toBe(1_000);
    const more = asking('anna');
    await vi.advanceTimersByTimeAsync(10);
    await expect(more.step).rejects.toEqual(limit(1_000));
    all[0]!.end();
    await vi.advanceTimersByTimeAsync(2 * 60_000);
    await park('anna', 1);
    expect(parked.size).toBe(1_000);
  });

  it('keep an answer for two minutes, and the state that brings it is good for its own call, once', async () => {
    verifies('bounds:questions');
    const [first, second] = await park('anna', 2);
    const [state, late] = [stateOf(await first!.step), stateOf(await second!.step)];
    const elsewhere = { ...TARGET, originalName: 'other' };
    for (const [principal, target] of [
      ['bert', TARGET],
      ['anna', elsewhere],
    ] as const)
      expect(() => parked.open(state, principal, target)).toThrow(
        expect.objectContaining({ code: 'state-invalid' }),
      );
    for (const call of [first!, second!]) call.end();
    await vi.advanceTimersByTimeAsync(2 * 60_000 - 1);
    const resume = (token: string) => {
      const opened = parked.open(token, 'anna', TARGET);
      if (opened.kind !== 'parked') throw new Error('it is no parked call');
      return parked.resume(opened, request, stream(), () => undefined);
    };
    expect(await resume(state)).toEqual({ kind: 'reply', reply: REPLY });
    expect(() => resume(state)).toThrow(expect.objectContaining({ code: 'state-invalid' }));
    await vi.advanceTimersByTimeAsync(1);
    expect(() => resume(late)).toThrow(expect.objectContaining({ code: 'state-invalid' }));
    expect(parked.size).toBe(0);
  });

  it('of a server that keeps its own state are good for an hour', async () => {
    verifies('bounds:questions');
    const token = parked.sealState('anna', TARGET, 'of the server');
    await vi.advanceTimersByTimeAsync(60 * 60_000);
    expect(parked.open(token, 'anna', TARGET)).toEqual({
      kind: 'server',
      state: Buffer.from('"of the server"'),
    });
    await vi.advanceTimersByTimeAsync(1);
    expect(() => parked.open(token, 'anna', TARGET)).toThrow(
      expect.objectContaining({ code: 'state-invalid' }),
    );
  });
});
