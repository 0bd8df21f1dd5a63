import { describe, expect, it } from 'vitest';
import { ALL_CAPABILITIES, FakeCaller } from '../../../test/support/engine/fake-caller.ts';
import { messageOf } from '../../../test/support/engine/fake-upstream.ts';
import { verifies } from '../../../test/support/verifies.ts';
import type { ServerReply } from '../upstream/connection.ts';
import type { RpcReply } from '../wire/message.ts';
import { answerRounds } from './rounds.ts';

const replyOf = (result: object): ServerReply => ({
  reply: messageOf({ id: 1, result }) as RpcReply,
  era: 'modern',
});
const asks = (round: number): ServerReply =>
  replyOf({
    resultType: 'input_required',
    inputRequests: { [`q${round}`]: { method: 'roots/list' } },
    requestState: `after ${round}`,
  });

/** A server that asks so many times before it answers; what it got with each try. */
async function ask(times: number) {
  const caller = new FakeCaller('anna', ALL_CAPABILITIES);
  const tries: string[] = [];
  const answered = answerRounds(asks(0), caller, async ({ inputResponses, requestState }) => {
    tries.push(`${inputResponses?.toString()} ${requestState?.toString()}`);
    return tries.length < times ? asks(tries.length) : replyOf({ done: true });
  });
  const ended = answered.then(
    () => true,
    () => true,
  );
  for (let at = 0; !(await Promise.race([ended, turn()])); ) {
    const question = caller.questions[at];
    if (question === undefined) continue;
    question.answer({ roots: [] });
    at++;
  }
  return { answered, tries };
}
const turn = (): Promise<false> => new Promise((resolve) => setImmediate(() => resolve(false)));

describe('a stateless server that asks a client of the handshake era', () => {
  it('may ask ten times in one call, each time with what it gave before', async () => {
    verifies('bounds:questions');
    const { answered, tries } = await ask(10);
    expect((await answered).reply).toMatchObject({ kind: 'result' });
    expect(tries).toEqual(Array.from({ length: 10 }, (_, at) => `{"q${at}":{"roots":[]}} "after ${at}"`));
  });

  it('asks once more in vain', async () => {
    verifies('bounds:questions');
    const { answered, tries } = await ask(11);
    await expect(answered).rejects.toMatchObject({
      code: 'question-unanswerable',
      message: expect.stringContaining('it asked more than 10 times in one call'),
    });
    expect(tries).toHaveLength(10);
  });
});
