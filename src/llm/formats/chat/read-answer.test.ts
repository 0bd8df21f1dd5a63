import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { buildAnswer } from '../../conversation/answer-builder.ts';
import type { Answer, AnswerEvent } from '../../conversation/answer.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import { readAnswer, StreamReader } from './stream-reader.ts';

const GOLDEN = new URL('../../../../test/golden/chat/', import.meta.url);

function golden(name: string): readonly string[] {
  return readFileSync(new URL(name, GOLDEN), 'utf8').trim().split('\n');
}

function eventsOf(lines: readonly string[]): readonly AnswerEvent[] {
  const reader = new StreamReader();
  return [...lines.flatMap((line) => [...reader.read(undefined, Buffer.from(line))]), ...reader.end()];
}

function answerOf(lines: readonly string[]): Answer {
  return buildAnswer(eventsOf(lines));
}

function chunk(delta: JsonObject, finish: string | null = null, more: JsonObject = {}): string {
  return JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta, finish_reason: finish }],
    ...more,
  });
}

const NO_USAGE = { cacheWrite1h: 0, cacheWrite: 0, audioInput: 0, audioOutput: 0 };

describe('probabilities of tokens', () => {
  const token = (text: string): JsonObject => ({ token: text, logprob: -0.1, bytes: null, top_logprobs: [] });
  const calls = [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }];

  it('of a text that calls follow, whole or in one chunk, are those of the text', () => {
    const said = { role: 'assistant', content: 'Hi', tool_calls: calls };
    const logprobs = { content: [token('Hi')], refusal: null };
    const whole = readAnswer({
      choices: [{ index: 0, message: said, logprobs, finish_reason: 'tool_calls' }],
    });
    expect(whole.find(({ kind }) => kind === 'logprobs')).toMatchObject({ at: 0, tokens: [token('Hi')] });
    const streamed = eventsOf([
      JSON.stringify({ choices: [{ index: 0, delta: said, logprobs, finish_reason: 'tool_calls' }] }),
    ]);
    expect(streamed.find(({ kind }) => kind === 'logprobs')).toMatchObject({ at: 0 });
  });

  it('of a refusal are those of the refusal', () => {
    const choice = {
      message: { role: 'assistant', content: 'Hi', refusal: 'No' },
      logprobs: { content: [token('Hi')], refusal: [token('No')] },
      finish_reason: 'stop',
    };
    const said = readAnswer({ choices: [choice] }).filter(({ kind }) => kind === 'logprobs');
    expect(said).toMatchObject([
      { at: 0, tokens: [token('Hi')] },
      { at: 1, tokens: [token('No')] },
    ]);
  });
});

describe('streams of Chat Completions', () => {
  it('are read as OpenAI writes them, with the usage in a chunk of its own', () => {
    const answer = answerOf(golden('stream-text.jsonl'));
    expect(answer).toMatchObject({
      id: 'chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG',
      model: 'gpt-4.1-2025-04-14',
      createdAt: 1_741_570_283,
      parts: [{ kind: 'text', text: 'Das Öl ist 🛢️ "usage":{ voll' }],
      stop: { kind: 'end', raw: 'stop' },
      usage: { input: 2048, output: 9, cacheRead: 1920, reasoning: 0, ...NO_USAGE },
    });
  });

  it('give parallel calls one after the other, their input as it came', () => {
    const events = eventsOf(golden('stream-parallel-tools.jsonl'));
    expect(events.map((event) => ('at' in event ? `${event.kind} ${event.at}` : event.kind))).toEqual([
      'start',
      'part-start 0',
      'input 0',
      'input 0',
      'part-end 0',
      'part-start 1',
      'input 1',
      'part-end 1',
      'stop',
      'end',
    ]);
    expect(buildAnswer(events)).toMatchObject({
      parts: [
        { id: 'call_x8aIBmJAVtZWRz9lXwAy0Q4y', name: 'get_weather', input: '{"city": "Graz"}' },
        { id: 'call_QbPoTyd8a8gYz2Jq7Gq1mXvF', name: 'get_time', input: '{}' },
      ],
      stop: { kind: 'tool-calls' },
    });
  });

  it('may interleave the pieces of parallel calls', () => {
    const call = (index: number, piece: JsonObject): string => chunk({ tool_calls: [{ index, ...piece }] });
    const answer = answerOf([
      call(0, { id: 'a', function: { name: 'f', arguments: '{"x"' } }),
      call(1, { id: 'b', function: { name: 'g', arguments: '{"y"' } }),
      call(0, { function: { arguments: ':1}' } }),
      call(1, { function: { arguments: ':2}' } }),
      chunk({}, 'tool_calls'),
    ]);
    expect(answer.parts).toMatchObject([
      { id: 'a', input: '{"x":1}' },
      { id: 'b', input: '{"y":2}' },
    ]);
  });

  it.each([
    [
      'without numbers',
      [
        { id: 'a', function: { name: 'f', arguments: '{}' } },
        { id: 'b', function: { name: 'g', arguments: '{}' } },
      ],
    ],
    [
      'all with the number 0',
      [
        { index: 0, id: 'a', function: { name: 'f', arguments: '{}' } },
        { index: 0, id: 'b', function: { name: 'g', arguments: '{}' } },
      ],
    ],
    [
      'with id and name repeated',
      [
        { index: 0, id: 'a', function: { name: 'f', arguments: '{' } },
        { index: 0, id: 'a', function: { name: 'f', arguments: '}' } },
        { index: 1, id: 'b', function: { name: 'g', arguments: '{}' } },
      ],
    ],
    [
      'with empty ids in their later pieces',
      [
        { index: 0, id: 'a', function: { name: 'f', arguments: '' } },
        { index: 0, id: '', function: { name: '', arguments: '{}' } },
        { index: 1, id: 'b', function: { name: 'g', arguments: '{}' } },
      ],
    ],
    [
      'with the input as an object',
      [
        { index: 0, id: 'a', function: { name: 'f', arguments: {} } },
        { index: 1, id: 'b', function: { name: 'g', arguments: {} } },
      ],
    ],
  ])('may bring calls %s', (_, pieces) => {
    const answer = answerOf([
      ...pieces.map((piece) => chunk({ tool_calls: [piece as unknown as JsonObject] })),
      chunk({}, 'stop'),
      '[DONE]',
    ]);
    expect(answer.parts).toMatchObject([
      { id: 'a', name: 'f', input: '{}' },
      { id: 'b', name: 'g', input: '{}' },
    ]);
    expect(answer.stop.kind).toBe('tool-calls');
  });

  it('give a call without an id one of its own', () => {
    const answer = answerOf([
      chunk({ tool_calls: [{ function: { name: 'f', arguments: '{}' } }] }),
      chunk({ tool_calls: [{ function: { name: 'f', arguments: '{"x":1}' } }] }),
      chunk({}, 'tool_calls'),
    ]);
    const ids = answer.parts.map((part) => (part.kind === 'tool-call' ? part.id : ''));
    expect(ids).toEqual([expect.stringMatching(/^call_\w{32}$/), expect.stringMatching(/^call_\w{32}$/)]);
    expect(new Set(ids).size).toBe(2);
  });

  it('read the thoughts of DeepSeek', () => {
    expect(answerOf(golden('stream-deepseek.jsonl'))).toMatchObject({
      parts: [
        { kind: 'thinking', text: 'Nine is odd.', seal: undefined },
        { kind: 'text', text: 'Odd.' },
      ],
      usage: { input: 18, output: 30, cacheRead: 16, reasoning: 24 },
    });
  });

  it('read the thoughts of OpenRouter once, and keep what must come back', () => {
    const { parts, usage } = answerOf(golden('stream-openrouter.jsonl'));
    expect(parts).toMatchObject([
      { kind: 'thinking', text: 'The user greets.', seal: { format: 'chat', kind: 'encrypted' } },
      { kind: 'text', text: 'Hi!' },
    ]);
    expect(parts[0]?.kind === 'thinking' ? JSON.parse(parts[0].seal!.value) : undefined).toEqual({
      type: 'reasoning.text',
      format: 'anthropic-claude-v1',
      index: 0,
      signature: 'EqoBCkgIARABGAIiQL2UoU0b1OHYi+yCHpBY7U6FQW8',
    });
    expect(usage).toMatchObject({ cacheWrite: 7, reasoning: 9 });
  });

  it("read LiteLLM's thinking blocks with their signatures", () => {
    expect(answerOf(golden('stream-litellm.jsonl')).parts).toMatchObject([
      { kind: 'thinking', text: 'Let me see.', seal: { kind: 'signature', value: 'EuYBCkQYAiJAc1gn' } },
      { kind: 'thinking', text: '', seal: { kind: 'redacted', value: 'EmwKAhgBEgy3va3p' } },
      { kind: 'text', text: 'Done.' },
    ]);
  });

  it("read Google's signatures of calls, its word for their end, and the thoughts that only the total counts", () => {
    expect(answerOf(golden('stream-google.jsonl'))).toMatchObject({
      parts: [
        {
          id: 'function-call-1',
          seal: { format: 'gemini', kind: 'signature', value: 'CiQBVKhc7p9yV1m0' },
        },
        { id: 'function-call-2', seal: undefined },
      ],
      stop: { kind: 'tool-calls', raw: 'stop' },
      usage: { input: 40, output: 40, reasoning: 29 },
    });
  });

  it.each([
    [
      'Mistral',
      {
        content: [
          { type: 'thinking', thinking: [{ type: 'text', text: 'Hm' }] },
          { type: 'text', text: 'Ja' },
        ],
      },
    ],
    ['Groq', { reasoning: 'Hm', content: 'Ja' }],
  ])('read the thoughts of %s', (_, delta) => {
    expect(answerOf([chunk(delta), chunk({}, 'stop')]).parts).toMatchObject([
      { kind: 'thinking', text: 'Hm' },
      { kind: 'text', text: 'Ja' },
    ]);
  });

  it('take the usage wherever it is', () => {
    const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
    const at = [{ usage }, { x_groq: { id: 'req', usage } }];
    for (const more of at)
      expect(answerOf([chunk({ content: 'x' }, 'stop', more)]).usage).toMatchObject({ input: 1, output: 2 });
  });

  it('go on after an early finish_reason', () => {
    const answer = answerOf([chunk({ content: 'a' }, 'stop'), chunk({ content: 'b' }), '[DONE]']);
    expect(answer.parts).toMatchObject([{ text: 'ab' }]);
  });

  it('name the sequence that stopped them where vLLM says it, and refusals as such', () => {
    const stopped = JSON.stringify({
      choices: [{ index: 0, delta: { content: 'x' }, finish_reason: 'stop', stop_reason: '###' }],
    });
    expect(answerOf([stopped]).stop).toMatchObject({ kind: 'stop-sequence', sequence: '###' });
    expect(answerOf([chunk({ refusal: 'No.' }), chunk({}, 'stop')])).toMatchObject({
      parts: [{ kind: 'refusal', text: 'No.' }],
      stop: { kind: 'refusal' },
    });
  });

  it.each([
    ['in the middle of a text', [chunk({ content: 'x' })]],
    [
      'in the middle of a call',
      [chunk({ tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: '{"x' } }] })],
    ],
    ['before anything', []],
    ['after [DONE] alone', ['[DONE]']],
    ['with nothing but usage', [JSON.stringify({ choices: [], usage: { prompt_tokens: 1 } })]],
  ])('that end %s are cut', (_, lines) => {
    expect(() => eventsOf(lines)).toThrow(expect.objectContaining({ kind: 'cut' }));
  });

  it('that end with [DONE] or with a reason are complete', () => {
    expect(answerOf([chunk({ content: 'x' }), '[DONE]']).stop.kind).toBe('end');
    expect(answerOf([chunk({ content: 'x' }, 'length')]).stop.kind).toBe('length');
  });

  it.each([
    [
      'OpenAI',
      { error: { message: 'The server had an error.', type: 'server_error', code: null } },
      'upstream',
    ],
    [
      'OpenRouter',
      {
        choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
        error: { code: 429, message: 'Slow down' },
      },
      'rate-limit',
    ],
    [
      'vLLM',
      { object: 'error', message: 'maximum context length is 4096 tokens', code: 400 },
      'context-length',
    ],
  ])('that break off with an error of %s throw it', (_, error, kind) => {
    const reader = new StreamReader();
    reader.read(undefined, Buffer.from(chunk({ content: 'x' })));
    expect(() => reader.read(undefined, Buffer.from(JSON.stringify(error)))).toThrow(
      expect.objectContaining({ kind }),
    );
  });

  it('with something that is not JSON are cut', () => {
    expect(() => eventsOf(['{"choices":[{'])).toThrow(expect.objectContaining({ kind: 'cut' }));
  });
});

describe('whole answers of Chat Completions', () => {
  it('are read with citations and probabilities', () => {
    const body = JSON.parse(golden('answer-search.json').join('\n')) as JsonObject;
    expect(buildAnswer(readAnswer(body))).toMatchObject({
      parts: [
        {
          kind: 'text',
          text: 'Graz is in Austria.',
          citations: [{ url: 'https://example.org/graz', title: 'Graz', start: 0, end: 4 }],
        },
      ],
      logprobs: [{ token: 'Graz', logprob: -0.1, bytes: [71, 114, 97, 122], top_logprobs: [] }],
      stop: { kind: 'end' },
      usage: { input: 19, output: 10 },
    });
  });

  it('are read with calls, custom and legacy ones too', () => {
    const message = (members: JsonObject): JsonObject => ({
      choices: [
        { index: 0, message: { role: 'assistant', content: null, ...members }, finish_reason: 'stop' },
      ],
    });
    const tools = message({
      tool_calls: [
        { type: 'function', function: { name: 'f', arguments: '{ }' } },
        { id: 'b', type: 'custom', custom: { name: 'g', input: 'raw' } },
      ],
    });
    expect(buildAnswer(readAnswer(tools)).parts).toMatchObject([
      { name: 'f', input: '{ }' },
      { id: 'b', name: 'g', input: 'raw', isFreeform: true },
    ]);
    const legacy = message({ function_call: { name: 'f', arguments: '{"x":1}' } });
    expect(buildAnswer(readAnswer(legacy))).toMatchObject({
      parts: [{ name: 'f', input: '{"x":1}' }],
      stop: { kind: 'tool-calls' },
    });
  });

  it('are read with audio and images', () => {
    const body = {
      choices: [
        {
          index: 0,
          finish_reason: 'stop',
          message: {
            content: null,
            audio: { id: 'audio_1', data: 'UklGRgAA', transcript: 'Hallo', expires_at: 9 },
            images: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,iVBOR' } }],
          },
        },
      ],
    };
    expect(buildAnswer(readAnswer(body)).parts).toEqual([
      { kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'iVBOR' } },
      {
        kind: 'audio',
        source: { kind: 'base64', mediaType: 'audio/wav', data: 'UklGRgAA' },
        extras: { format: 'chat', members: { id: 'audio_1', expires_at: 9, transcript: 'Hallo' } },
      },
    ]);
  });

  it('that are errors throw them', () => {
    expect(() => readAnswer({ error: { message: 'no', code: 402 } })).toThrow(
      expect.objectContaining({ kind: 'quota', status: 402 }),
    );
    expect(() => readAnswer({ hello: 'world' })).toThrow(expect.objectContaining({ kind: 'upstream' }));
  });
});
