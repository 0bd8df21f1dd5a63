import { expect, test } from 'vitest';
import { verifies } from '../../../test/support/verifies.ts';
import { type LlmCall, readCall } from '../llm-call.ts';
import type { AnswerSink } from '../llm-ports.ts';
import { ConnectionMemories, type ConnectionMemory } from './connection-memory.ts';
import { rememberingSink } from './remembering-sink.ts';

const list = (...items: readonly unknown[]): Buffer => Buffer.from(JSON.stringify(items));
/** A list of one item with a text, of exactly so many bytes. */
const sized = (bytes: number): Buffer => list({ text: 'x'.repeat(bytes - list({ text: '' }).length) });

test('a connection recalls what it was told and what was said, and no other does', () => {
  verifies('llm:websocket-memory');
  const all = new ConnectionMemories();
  const [one, two] = [all.open(), all.open()];
  const message = { type: 'message', content: [] };
  one.remember('resp_1', Buffer.from('"Hi"'), [list({ type: 'mcp_list_tools' }), list(message)]);
  expect(one.recall('resp_1')).toEqual([{ type: 'message', role: 'user', content: 'Hi' }, message]);
  expect(two.recall('resp_1')).toBeUndefined();
  two.remember('resp_1', undefined, [list({ a: 1 })]);
  expect(two.recall('resp_1')).toEqual([{ a: 1 }]);
  one.close();
  expect(one.recall('resp_1')).toBeUndefined();
  one.remember('resp_2', undefined, [list({ a: 1 })]);
  expect(one.recall('resp_2')).toBeUndefined();
  two.close();
  expect(all.bytes).toBe(0);
});

test('thoughts whose content never came are left out, since nobody has stored them', () => {
  verifies('llm:websocket-memory');
  const memory = new ConnectionMemories().open();
  const sealed = { type: 'reasoning', id: 'rs_1', encrypted_content: 'x' };
  const open = { type: 'reasoning', id: 'rs_2', content: [{ type: 'reasoning_text', text: 'hm' }] };
  const bare = { type: 'reasoning', id: 'rs_3', summary: [], content: [] };
  memory.remember('resp_1', undefined, [list(sealed, open, bare)]);
  expect(memory.recall('resp_1')).toEqual([sealed, open]);
});

test('what all connections remember is bounded; the least recently used goes first', () => {
  verifies('llm:websocket-memory');
  const all = new ConnectionMemories(1_000);
  const [one, two] = [all.open(), all.open()];
  one.remember('a', undefined, [sized(400)]);
  two.remember('b', undefined, [sized(400)]);
  expect(one.recall('a')).toHaveLength(1);
  one.remember('c', undefined, [sized(400)]);
  expect(two.recall('b')).toBeUndefined();
  expect([one.recall('a'), one.recall('c')].map((items) => items?.length)).toEqual([1, 1]);
  expect(all.bytes).toBe(800);
  // The same once more takes the place of the first.
  one.remember('c', undefined, [sized(500)]);
  expect(all.bytes).toBe(900);
});

test('one connection remembers so many answers, and so many bytes', () => {
  verifies('llm:websocket-memory');
  const memory = new ConnectionMemories().open();
  for (let at = 0; at < 40; at++) memory.remember(`r${at}`, undefined, [list({ at })]);
  expect(memory.recall('r8')).toHaveLength(1);
  memory.remember('one more', undefined, [list({})]);
  expect(memory.recall('r9')).toBeUndefined();
  expect(memory.recall('r8')).toHaveLength(1);
  memory.remember('r40', undefined, [list({})]);
  const known = Array.from({ length: 40 }, (_, at) => at).filter(
    (at) => memory.recall(`r${at}`) !== undefined,
  );
  expect(known).toEqual([8, ...Array.from({ length: 29 }, (_, at) => at + 11)]);
  const big = Buffer.from(`["${'x'.repeat(20 * 1024 * 1024)}"]`);
  memory.remember('big 1', undefined, [big]);
  memory.remember('big 2', undefined, [big]);
  expect(memory.recall('big 1')).toBeUndefined();
  expect(memory.recall('r39')).toBeUndefined();
  expect(memory.recall('big 2')).toEqual([]);
});

const ROUTE = {
  format: 'responses',
  operation: 'generate',
  model: undefined,
  isStream: undefined,
  framing: 'sse',
} as const;

class Out implements AnswerSink {
  readonly isGone = false;
  text = '';
  readonly #memory: ConnectionMemory;
  /** What was known when the client got the bytes. */
  known: unknown;

  constructor(memory: ConnectionMemory) {
    this.#memory = memory;
  }

  write(bytes: Buffer): boolean {
    this.text += bytes.toString();
    this.known = this.#memory.recall('resp_1');
    return true;
  }

  onGone(): () => void {
    return () => undefined;
  }

  send(): void {}
  begin(): void {}
  onDrain(): void {}
  end(): void {}
  cut(): void {}
}

const ITEM = { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Yes.' }] };
const event = (type: string, members: object, isNamed: boolean): string =>
  `${isNamed ? `event: ${type}\n` : ''}data: ${JSON.stringify({ type, ...members })}\n\n`;

test.each([
  ['that repeats its items at the end', [ITEM], 'response.completed', true],
  ['that does not', [], 'response.completed', true],
  ['that is incomplete', [ITEM], 'response.incomplete', true],
  ['whose events have no names', [], 'response.completed', false],
])(
  'an answer %s is remembered before the client has its end, and passed on as it is',
  (_, output, end, isNamed) => {
    verifies('llm:websocket-memory');
    const memory = new ConnectionMemories().open();
    const out = new Out(memory);
    const call: LlmCall = readCall(ROUTE, Buffer.from('{"model":"m","input":"Really?"}'), {});
    const sink = rememberingSink(out, call, memory);
    const text = [
      event('response.created', { response: { id: 'resp_1', output: [] } }, isNamed),
      ': ping\n\n',
      event('response.output_item.done', { item: ITEM }, isNamed),
      event(end, { response: { id: 'resp_1', output } }, isNamed),
    ];
    for (const piece of text) sink.write(Buffer.from(piece));
    expect(out.text).toBe(text.join(''));
    expect(out.known).toEqual([{ type: 'message', role: 'user', content: 'Really?' }, ITEM]);
  },
);

test('an answer that failed is not remembered', () => {
  verifies('llm:websocket-memory');
  const memory = new ConnectionMemories().open();
  const sink = rememberingSink(
    new Out(memory),
    readCall(ROUTE, Buffer.from('{"model":"m","input":"x"}'), {}),
    memory,
  );
  sink.write(Buffer.from(event('response.output_item.done', { item: ITEM }, true)));
  sink.write(Buffer.from(event('response.failed', { response: { id: 'resp_1', output: [ITEM] } }, true)));
  sink.write(Buffer.from('data: {"type":"response.completed",\n\n'));
  expect(memory.recall('resp_1')).toBeUndefined();
});
