import { expect, test } from 'vitest';
import { verifies } from '../../test/support/verifies.ts';
import { inLane, readClientFrame } from './response-frames.ts';

test.each([
  ['{"type":"response.create"}', {}],
  ['{"type":"response.create","model":"m","stream":false,"background":true}', { model: 'm' }],
  [' {"model":"m" , "type" : "response.create", "stream_id":null,"generate":true} ', { model: 'm' }],
  ['{"generate":false,"type":"response.create","stream_id":"a.b-C_9"}', { generate: false }],
  ['{"model":"a","type":"x","type":"response.create","model":"b"}', { model: 'b' }],
  ['{"type":"response.create","in\\"put":"\\u00e9 \\n"}', { 'in"put': 'é \n' }],
])('%s is what a POST for a stream would have said', (text, members) => {
  verifies('llm:websocket');
  const frame = readClientFrame(Buffer.from(text), false);
  if (frame.kind !== 'create') throw new Error('it is no request');
  expect(JSON.parse(frame.body.toString())).toEqual({ stream: true, ...members });
  expect(frame.streamId).toBe(text.includes('a.b-C_9') ? 'a.b-C_9' : undefined);
});

test('members go on byte by byte', () => {
  verifies('llm:websocket');
  const input = '[ {"a" : 1e3,"b":12345678901234567890} ]';
  const frame = readClientFrame(Buffer.from(`{"type":"response.create","input":${input}}`), false);
  expect(frame).toMatchObject({ body: Buffer.from(`{"stream":true,"input":${input}}`) });
});

test.each(['', 'a b', 'é', 'x'.repeat(257)])('"%s" names no lane', (name) => {
  verifies('llm:websocket-lanes');
  const text = JSON.stringify({ type: 'response.create', stream_id: name });
  expect(() => readClientFrame(Buffer.from(text), false)).toThrow(/stream_id/);
});

test.each([5, true, {}, []])('%j names no lane', (name) => {
  verifies('llm:websocket-lanes');
  const text = JSON.stringify({ type: 'response.create', stream_id: name });
  expect(() => readClientFrame(Buffer.from(text), false)).toThrow(/stream_id/);
});

test('an event says its lane, and is a copy', () => {
  verifies('llm:websocket-lanes');
  for (const text of ['{"type":"x","n":1}', ' { "type" : "x" }', '{}', '{ }']) {
    const data = Buffer.from(text);
    expect(JSON.parse(inLane(data, 'main').toString())).toEqual({ stream_id: 'main', ...JSON.parse(text) });
    const plain = inLane(data, undefined);
    data.fill(0);
    expect(plain.toString()).toBe(text);
  }
});
