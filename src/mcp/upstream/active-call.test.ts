import { describe, expect, it } from 'vitest';
import { FakeCaller } from '../../../test/support/engine/fake-caller.ts';
import { messageOf } from '../../../test/support/engine/fake-upstream.ts';
import { GatewayError } from '../../core/errors.ts';
import type { RpcReply } from '../wire/message.ts';
import { ActiveCall, ANSWER_MS } from './active-call.ts';

const IDLE = 60_000;
const TOTAL = 300_000;

function callOf(caller = new FakeCaller()) {
  const deadlines = { idleMs: IDLE, totalMs: TOTAL };
  const call = new ActiveCall(1, 'tools/call', Buffer.alloc(0), [], caller, deadlines, 0, () => undefined);
  return { call, caller };
}

describe('the deadlines of a call', () => {
  it('are that of silence, which every sign of life puts off', () => {
    const { call, caller } = callOf();
    call.check(IDLE - 1);
    call.progressed(IDLE - 1);
    call.check(2 * IDLE - 2);
    expect(caller.cancellation.isCancelled).toBe(false);
    call.check(2 * IDLE - 1);
    expect(caller.cancellation.reason).toBe('no answer within 60 s');
    expect(call.expiredAfterMs).toBe(IDLE);
  });

  it('and that of the whole, which nothing puts off; what is said is what was waited', () => {
    const { call, caller } = callOf();
    for (let now = 10_000; now < TOTAL; now += 10_000) {
      call.progressed(now);
      call.check(now);
    }
    expect(caller.cancellation.isCancelled).toBe(false);
    call.progressed(TOTAL);
    call.check(TOTAL);
    expect(caller.cancellation.reason).toBe('no answer within 300 s');
    expect(call.expiredAfterMs).toBe(TOTAL);
  });

  it('do not run while a person answers, and run on afterwards', () => {
    const { call, caller } = callOf();
    call.questionAsked(50_000);
    call.check(50_000 + ANSWER_MS);
    expect(call.isAsking).toBe(true);
    expect(caller.cancellation.isCancelled).toBe(false);
    call.questionAnswered(50_000 + ANSWER_MS);
    call.check(50_000 + ANSWER_MS + IDLE - 1);
    expect(caller.cancellation.isCancelled).toBe(false);
    for (let now = 60_000; now < TOTAL; now += 10_000) call.progressed(now + ANSWER_MS);
    call.check(TOTAL + ANSWER_MS - 1);
    expect(caller.cancellation.isCancelled).toBe(false);
    call.progressed(TOTAL + ANSWER_MS);
    call.check(TOTAL + ANSWER_MS);
    expect(caller.cancellation.isCancelled).toBe(true);
  });

  it('count the time of several questions at once only once', () => {
    const { call, caller } = callOf();
    call.questionAsked(0);
    call.questionAsked(100_000);
    call.questionAnswered(150_000);
    expect(call.isAsking).toBe(true);
    call.questionAnswered(200_000);
    call.progressed(TOTAL + 199_999);
    call.check(TOTAL + 199_999);
    expect(caller.cancellation.isCancelled).toBe(false);
    call.progressed(TOTAL + 200_000);
    call.check(TOTAL + 200_000);
    expect(caller.cancellation.isCancelled).toBe(true);
  });

  it('end a question that nobody answers', () => {
    const { call, caller } = callOf();
    call.questionAsked(5_000);
    call.check(5_000 + ANSWER_MS + 1);
    expect(caller.cancellation.reason).toBe('no answer within 600 s');
  });
});

describe('what a client lacked for a call', () => {
  const failed = messageOf({ id: 1, result: { isError: true } }) as RpcReply;
  const lack = new GatewayError('capability-missing', { capability: 'elicitation' });

  it('is told to a modern client whose call failed for it', () => {
    const { call, caller } = callOf();
    caller.era = 'modern';
    expect(call.lackOf(failed)).toBeUndefined();
    call.refused(lack);
    expect(call.lackOf(failed)).toBe(lack);
    expect(call.lackOf(messageOf({ id: 1, error: { code: 1, message: 'x' } }) as RpcReply)).toBe(lack);
    expect(call.lackOf(messageOf({ id: 1, result: {} }) as RpcReply)).toBeUndefined();
  });

  it('is not told to a legacy one, nor when another question reached it', () => {
    const { call, caller } = callOf();
    call.refused(lack);
    expect(call.lackOf(failed)).toBeUndefined();
    caller.era = 'modern';
    call.questionAsked(0);
    call.questionAnswered(1);
    expect(call.lackOf(failed)).toBeUndefined();
  });
});
