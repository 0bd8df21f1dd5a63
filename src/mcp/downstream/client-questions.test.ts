import { describe, expect, it } from 'vitest';
import { messageOf } from '../../../test/support/engine/fake-upstream.ts';
import { Cancellation } from '../../core/cancellation.ts';
import type { RpcNotification, RpcReply } from '../wire/message.ts';
import { ClientQuestions } from './client-questions.ts';

interface Sent {
  readonly id?: string;
  readonly method: string;
  readonly params?: unknown;
}

function asked(canSend = true) {
  const questions = new ClientQuestions();
  const sent: Sent[] = [];
  const send = (message: Buffer): boolean => {
    if (canSend) sent.push(JSON.parse(message.toString()) as Sent);
    return canSend;
  };
  const ask = (principalId = 'a', cancellation = new Cancellation(), params?: Buffer) => {
    const reply = questions.ask(
      { principalId, session: undefined },
      { method: 'roots/list', params, cancellation, onProgress: undefined },
      send,
    );
    reply.catch(() => undefined);
    return reply;
  };
  return { questions, sent, ask };
}

const replyTo = (id: unknown, body: Record<string, unknown> = { result: { roots: [] } }) =>
  messageOf({ id, ...body }) as RpcReply;

describe('questions to clients', () => {
  it('have ids that nobody can guess, and the reply comes back to who asked', async () => {
    const { questions, sent, ask } = asked();
    const replies = [ask(), ask()];
    expect(sent[0]).toMatchObject({ method: 'roots/list', id: expect.stringMatching(/^lanport-[\w-]{16}$/) });
    expect(sent[0]).not.toHaveProperty('params');
    expect(questions.answer(replyTo(sent[1]!.id, { result: { n: 2 } }), 'a')).toBe(true);
    expect(questions.answer(replyTo(sent[0]!.id, { error: { code: 1, message: 'no' } }), 'a')).toBe(true);
    expect(await Promise.all(replies)).toMatchObject([{ kind: 'error' }, { kind: 'result' }]);
    expect(questions.size).toBe(0);
  });

  it('keep their params byte for byte', () => {
    const questions = new ClientQuestions();
    let bytes = '';
    const params = Buffer.from('{"n":12345678901234567890.10,  "x":{}}');
    void questions.ask(
      { principalId: 'a', session: undefined },
      { method: 'elicitation/create', params, cancellation: new Cancellation(), onProgress: undefined },
      (message) => {
        bytes = message.toString();
        return true;
      },
    );
    expect(bytes.endsWith(`,"method":"elicitation/create","params":${params.toString()}}`)).toBe(true);
  });

  it('carry their own id as the token for progress, which only their own principal may report', () => {
    const questions = new ClientQuestions();
    const heard: unknown[] = [];
    let sent: { id: string; params: { _meta: { progressToken: string } } } | undefined;
    void questions.ask(
      { principalId: 'a', session: undefined },
      {
        method: 'sampling/createMessage',
        params: Buffer.from('{"a":1.0,"_meta":{"x":2.0,"progressToken":7}}'),
        cancellation: new Cancellation(),
        onProgress: (params) => heard.push(params.value('progress')),
      },
      (message) => {
        expect(message.toString()).toMatch(
          /"params":\{"a":1\.0,"_meta":\{"x":2\.0,"progressToken":"lanport-[\w-]+"\}\}\}$/,
        );
        sent = JSON.parse(message.toString()) as typeof sent;
        return true;
      },
    );
    const { id } = sent!;
    expect(sent!.params._meta.progressToken).toBe(id);
    const report = (progressToken: unknown, progress: number) =>
      messageOf({ method: 'notifications/progress', params: { progressToken, progress } }) as RpcNotification;
    questions.progress(report(7, 1), 'a');
    questions.progress(report(id, 2), 'b');
    questions.progress(report(id, 3), 'a');
    questions.answer(replyTo(id), 'a');
    questions.progress(report(id, 4), 'a');
    expect(heard).toEqual([3]);
  });

  it('can be answered by their own principal alone, and once', async () => {
    const { questions, sent, ask } = asked();
    const reply = ask('a');
    const { id } = sent[0]!;
    expect(questions.answer(replyTo(id), 'b')).toBe(false);
    expect(questions.answer(replyTo('lanport-AAAAAAAAAAAAAAAA'), 'a')).toBe(false);
    expect(questions.answer(replyTo(1), 'a')).toBe(false);
    expect(questions.size).toBe(1);
    expect(questions.answer(replyTo(id), 'a')).toBe(true);
    expect(questions.answer(replyTo(id), 'a')).toBe(false);
    await reply;
  });

  it('that are given up are withdrawn from the client, and a late answer answers nothing', async () => {
    const { questions, sent, ask } = asked();
    const cancellation = new Cancellation();
    const reply = ask('a', cancellation);
    cancellation.cancel('the server withdrew the question');
    await expect(reply).rejects.toMatchObject({ code: 'question-unanswerable' });
    expect(sent[1]).toMatchObject({
      method: 'notifications/cancelled',
      params: { requestId: sent[0]!.id, reason: 'the server withdrew the question' },
    });
    expect(questions.answer(replyTo(sent[0]!.id), 'a')).toBe(false);
  });

  it('are not withdrawn once they are answered', async () => {
    const { questions, sent, ask } = asked();
    const cancellation = new Cancellation();
    const reply = ask('a', cancellation);
    questions.answer(replyTo(sent[0]!.id), 'a');
    await reply;
    cancellation.cancel('the call is over');
    expect(sent).toHaveLength(1);
  });

  it('that cannot be put fail at once, as do those of a call that is over', async () => {
    const mute = asked(false);
    await expect(mute.ask()).rejects.toMatchObject({ code: 'question-unanswerable' });
    expect(mute.questions.size).toBe(0);
    const { questions, ask } = asked();
    const cancellation = new Cancellation();
    cancellation.cancel('the client went away');
    await expect(ask('a', cancellation)).rejects.toMatchObject({ code: 'question-unanswerable' });
    expect(questions.size).toBe(0);
  });

  it('are bounded', async () => {
    const { questions, sent, ask } = asked();
    for (let at = 0; at < 10_000; at++) void ask();
    await expect(ask()).rejects.toMatchObject({ code: 'questions-limit' });
    questions.answer(replyTo(sent[0]!.id), 'a');
    void ask();
    expect(questions.size).toBe(10_000);
  });
});
