import { createSecretKey } from 'node:crypto';
import { expect, test } from 'vitest';
import { redactBody } from '../core/redact-body.ts';
import { createRedactor } from '../core/redact.ts';
import type { BodyStore, CallBody } from '../store/store-ports.ts';
import { silentLog } from '../telemetry/log.ts';
import { BodyCapture, keptBody } from './body-capture.ts';
import { BodyWriter } from './body-writer.ts';

const redactor = createRedactor({ key: createSecretKey(Buffer.alloc(32)) });
const redact = (text: string, isCut: boolean): string => redactBody(text, redactor, { isCut });
const CALL = { callId: '019355e4-7a6f-7b3f-8000-000000000000', startedAt: 1, part: 'response' } as const;
const kept = (capture: BodyCapture): CallBody => keptBody(CALL, capture.take(), redact);

function streamed(pieces: readonly string[], bytesMax = 65_536): CallBody {
  const capture = new BodyCapture(bytesMax);
  for (const content of pieces)
    capture.add(
      Buffer.from(`data: ${JSON.stringify({ id: 'a', choices: [{ index: 0, delta: { content } }] })}\n\n`),
    );
  capture.add(Buffer.from('data: [DONE]\n\n'));
  return kept(capture);
}

test('no more than the bound is kept of a body, and what is missing is counted', () => {
  const capture = new BodyCapture(10);
  capture.add([Buffer.from('one two '), Buffer.from('three')]);
  capture.add(Buffer.from(' four'));
  expect(kept(capture)).toEqual({ ...CALL, content: 'one two ', bytes: 18, droppedBytes: 8 });
});

test('the pieces of a streamed answer are put together, so that a secret in pieces is seen', () => {
  const { content } = streamed(['the key is sk', '-abcd', 'efgh12', ' and so on']);
  expect(JSON.parse(content)).toEqual({
    events: 4,
    text: {
      'choices[0].delta.content': expect.stringMatching(/^the key is \[redacted:[0-9a-f]{16}\] and so on$/),
    },
    last: { id: 'a', 'choices[0].index': 0 },
  });
});

test('of a stream that is cut, the word that may go on is left out', () => {
  const { content, droppedBytes } = streamed(['the key is sk', '-abc', 'defghij'], 150);
  expect(droppedBytes).toBeGreaterThan(0);
  expect(content).toContain('the key is ');
  expect(content).not.toContain('sk');
});

test('arguments that a model streams are JSON again, without their secrets', () => {
  const capture = new BodyCapture(65_536);
  for (const partial_json of ['{"pass', 'word":"hun', 'ter2"}'])
    capture.add(
      Buffer.from(
        `event: content_block_delta\ndata: ${JSON.stringify({ type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json } })}\n\n`,
      ),
    );
  expect(kept(capture).content).not.toContain('hunter2');
  expect(kept(capture).content).toContain('[redacted:');
});

test('text that PostgreSQL cannot hold is made into text that it can', () => {
  const capture = new BodyCapture(100);
  capture.add(Buffer.from([0x61, 0, 0xff, 0x62]));
  expect(kept(capture).content).toBe('a\ufffd\ufffdb');
});

function store(append: BodyStore['append']): BodyStore {
  return { append, load: () => Promise.resolve([]), dropBefore: () => Promise.resolve([]) };
}

const bodyOf = (): CallBody => ({ ...CALL, content: 'x', bytes: 1, droppedBytes: 0 });

test('bodies that the store does not take wait up to a bound; what is more is counted', async () => {
  let isAway = true;
  const taken: CallBody[] = [];
  const writer = new BodyWriter(
    store((bodies) => {
      if (isAway) return Promise.reject(new Error('away'));
      taken.push(...bodies);
      return Promise.resolve();
    }),
    silentLog,
    { queueBytesMax: 100 },
  );
  for (let at = 0; at < 15; at++) writer.add(10, bodyOf);
  expect(writer.dropped).toBe(5);
  await writer.flush();
  isAway = false;
  await writer.flush();
  expect(taken).toHaveLength(10);
  writer.add(100, bodyOf);
  expect(writer.dropped).toBe(5);
  await writer[Symbol.asyncDispose]();
  expect(taken).toHaveLength(11);
});
