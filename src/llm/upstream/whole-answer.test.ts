import { expect, test } from 'vitest';
import { type ClientSide, clientSide } from '../../../test/support/llm/calls.ts';
import { DIALECTS } from '../../../test/support/llm/dialects.ts';
import type { FormatName } from '../conversation/format-name.ts';
import { LlmFailure } from '../conversation/llm-failure.ts';
import { FORMATS } from '../formats/formats.ts';
import { newOutcome } from '../outcome.ts';
import { WholeAnswer } from './whole-answer.ts';

interface Side {
  readonly answer: WholeAnswer;
  readonly client: ClientSide;
  /** What happened, in order, the client's side included. */
  readonly heard: string[];
}

function receiving(format: FormatName, bytesMax = 10_000, isAnswer = true): Side {
  const client = clientSide();
  const heard = client.heard as string[];
  const answer = new WholeAnswer({
    observer: FORMATS[format].observer(),
    isAnswer,
    out: client,
    outcome: newOutcome(0),
    headers: () => ({ 'x-told': heard.includes('whole') ? 'after the usage' : 'before' }),
    bytesMax,
    onWhole: ({ usage }) => heard.push(usage === undefined ? 'whole, untold' : 'whole'),
    onDone: () => heard.push('done'),
    onFailed: ({ kind, status, message }) => heard.push(`failed ${kind} ${status}: ${message}`),
  });
  answer.handle = { abort: () => heard.push('abort'), pause: () => undefined, resume: () => undefined };
  answer.onHead({ status: 200, headers: {} });
  return { answer, client, heard };
}

function feed({ answer }: Side, text: string, size = 7): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) answer.onData(bytes.subarray(at, at + size));
}

test.each(DIALECTS)('$name: every byte goes on, when the usage is known', ({ name, whole }) => {
  const text = JSON.stringify({ ...whole, novel: 'größer 12345678901234567890' }, null, 1);
  const side = receiving(name);
  feed(side, text);
  expect(side.heard).toEqual([]);
  side.answer.onEnd();
  expect(side.client.said).toBe(text);
  expect(side.heard).toEqual(['whole', 'send 200', 'done']);
  expect(side.client.headers).toMatchObject({
    'content-type': 'application/json',
    'x-told': 'after the usage',
  });
});

const BAD: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['a page of HTML', '<!DOCTYPE html><html></html>'],
  ['JSON that is no answer', '{"ok":true}'],
  ['half an answer', '{"choices":[{"index":0,"mess'],
  ['a list', '[1]'],
  ['an error', '{"error":{"message":"no","code":500,"status":"INTERNAL","type":"server_error"}}'],
];

test.each(DIALECTS.flatMap(({ name }) => BAD.map(([what, text]) => ({ name, what, text }))))(
  '$name: $what with status 200 is a failure that can go elsewhere',
  ({ name, text }) => {
    const side = receiving(name);
    feed(side, text);
    side.answer.onEnd();
    expect(side.heard).toHaveLength(1);
    expect(side.heard[0]).toMatch(/^failed \w[\w-]* [45]\d\d: \w/);
  },
);

test.each(DIALECTS)(
  '$name: an error with status 200 is told in the words of the provider',
  ({ name, errorBody }) => {
    const side = receiving(name);
    feed(side, JSON.stringify({ ...errorBody('too much to do'), status: 'failed', output: [] }));
    side.answer.onEnd();
    expect(side.heard).toEqual([expect.stringMatching(/: too much to do$/)]);
  },
);

test('what is no answer of a model is only held to be an object', () => {
  const side = receiving('messages', 10_000, false);
  feed(side, '{"input_tokens":3}');
  side.answer.onEnd();
  expect(side.client.said).toBe('{"input_tokens":3}');
});

test('an answer that is too large is given up at once, and nothing comes after it', () => {
  const side = receiving('chat', 20);
  feed(side, 'x'.repeat(100));
  side.answer.onEnd();
  expect(side.heard).toEqual(['abort', expect.stringMatching(/^failed upstream 502: .*20 bytes/)]);
});

test('an answer that nobody wants any more is let go', () => {
  const side = receiving('chat');
  feed(side, JSON.stringify(DIALECTS[0]!.whole));
  side.answer.leave();
  side.answer.onEnd();
  side.answer.onFailure(new LlmFailure('cut', 'cut', { status: 502 }));
  expect(side.heard).toEqual([]);
});
