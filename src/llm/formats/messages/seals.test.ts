import { describe, expect, test } from 'vitest';
import { answerFacts, emptyRequest } from '../../../../test/support/llm/answer-facts.ts';
import { readMessageStream } from '../../../../test/support/llm/messages-client.ts';
import type { Answer, AnswerEvent } from '../../conversation/answer.ts';
import { buildAnswer } from '../../conversation/answer-builder.ts';
import { Dropped } from '../../conversation/dropped.ts';
import type { Citation, JsonObject, Part, Seal } from '../../conversation/parts.ts';
import { packSeal } from '../../conversation/seal-code.ts';
import { MESSAGES } from './format.ts';

const GEMINI: Seal = { format: 'gemini', kind: 'signature', value: 'CiQB+/9v==', id: undefined };
const OPENAI: Seal = { format: 'responses', kind: 'encrypted', value: 'gAAAA-_', id: 'rs_1' };

const PARTS: readonly (readonly [string, readonly Part[]])[] = [
  ['of a thought with text', [{ kind: 'thinking', text: 'Hm.', seal: OPENAI }]],
  ['of a summary', [{ kind: 'thinking', text: 'Hm.', isSummary: true, seal: OPENAI }]],
  ['of a thought without text', [{ kind: 'thinking', text: '', seal: OPENAI }]],
  ['of a call', [{ kind: 'tool-call', id: 'a', name: 'f', input: '{"x":1}', seal: GEMINI }]],
  [
    'of the first of two calls',
    [
      { kind: 'tool-call', id: 'a', name: 'f', input: '{}', seal: GEMINI },
      { kind: 'tool-call', id: 'b', name: 'f', input: '{}' },
    ],
  ],
  ['of a text', [{ kind: 'text', text: 'Hello.', seal: GEMINI }]],
  [
    'of an empty text after a text',
    [
      { kind: 'text', text: 'Hello.' },
      { kind: 'text', text: '', seal: GEMINI },
    ],
  ],
  [
    'of its own provider',
    [{ kind: 'thinking', text: 'Hm.', seal: { format: 'messages', kind: 'signature', value: 'EsEC' } }],
  ],
  [
    'of its own provider, without text',
    [{ kind: 'thinking', text: '', seal: { format: 'messages', kind: 'signature', value: 'EsEC' } }],
  ],
  [
    'of its own provider, redacted',
    [{ kind: 'thinking', text: '', seal: { format: 'messages', kind: 'redacted', value: 'EmwK' } }],
  ],
  [
    'of a gateway like this one behind its own provider',
    [
      {
        kind: 'thinking',
        text: 'Hm.',
        seal: { format: 'messages', kind: 'signature', value: packSeal({ seal: GEMINI, place: 'self' }) },
      },
    ],
  ],
];

function answerOf(parts: readonly Part[]): Answer {
  return { id: 'x', model: 'm', createdAt: 0, parts, stop: { kind: 'end' }, usage: undefined };
}

/** As a reader of Gemini or Responses tells it: the seal of a call right after its start, that of a text after the text. */
function eventsOf(parts: readonly Part[]): readonly AnswerEvent[] {
  const events: AnswerEvent[] = [{ kind: 'start', id: 'x', model: 'm', createdAt: 0 }];
  for (const [at, part] of parts.entries()) {
    if (part.kind === 'tool-call') {
      events.push({ kind: 'part-start', at, part: { kind: 'tool-call', id: part.id, name: part.name } });
      if (part.seal !== undefined) events.push({ kind: 'seal', at, seal: part.seal });
      events.push({ kind: 'input', at, text: part.input });
    } else if (part.kind === 'text' || part.kind === 'thinking') {
      const isSummary = part.kind === 'thinking' ? part.isSummary : undefined;
      events.push({ kind: 'part-start', at, part: { kind: part.kind, isSummary } as { kind: 'thinking' } });
      if (part.text !== '') events.push({ kind: 'text', at, text: part.text });
      if (part.seal !== undefined) events.push({ kind: 'seal', at, seal: part.seal });
    }
    events.push({ kind: 'part-end', at });
  }
  return [...events, { kind: 'stop', stop: { kind: 'end' } }, { kind: 'end' }];
}

/** What a client sends in its next request when it got this message. */
function returned(message: JsonObject): readonly Part[] {
  const messages = [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: message['content'] ?? [] },
  ];
  const request = MESSAGES.readRequest({ model: 'm', messages }, { model: undefined, isStream: undefined });
  return request.turns[1]?.parts ?? [];
}

function said(parts: readonly Part[]): unknown {
  return JSON.parse(JSON.stringify(parts)) as unknown;
}

describe('a seal comes back to its place', () => {
  test.each(PARTS)('%s, from a whole answer', (_name, parts) => {
    const message = MESSAGES.writeAnswer(answerOf(parts), answerFacts());
    expect(said(returned(JSON.parse(JSON.stringify(message)) as JsonObject))).toEqual(said(parts));
  });

  test.each(PARTS)('%s, from a stream', (_name, parts) => {
    const writer = MESSAGES.answerWriter(answerFacts());
    const stream = Buffer.concat(eventsOf(parts).map((event) => writer.write(event)));
    expect(said(returned(readMessageStream(stream) as JsonObject))).toEqual(said(parts));
  });

  test('a client that writes tokens in the other alphabet of Base64 does no harm', () => {
    const seal: Seal = { ...GEMINI, value: 'ÿþ'.repeat(40) };
    const message = MESSAGES.writeAnswer(answerOf([{ kind: 'thinking', text: 'a', seal }]), answerFacts());
    const [block] = message['content'] as unknown as { signature: string }[];
    expect(block?.signature).toMatch(/^bGFucG9ydDE6/);
    const other = {
      ...block,
      signature: Buffer.from(block?.signature ?? '', 'base64').toString('base64url'),
    };
    expect(returned({ content: [other] })).toEqual([
      { kind: 'thinking', text: 'a', isSummary: undefined, seal },
    ]);
  });

  test('a token of a version to come is the provider’s own', () => {
    const data = Buffer.from('lanport2:{}').toString('base64');
    expect(returned({ content: [{ type: 'redacted_thinking', data }] })).toEqual([
      {
        kind: 'thinking',
        text: '',
        isSummary: undefined,
        seal: { format: 'messages', kind: 'redacted', value: data },
      },
    ]);
  });
});

test('a citation of another format comes back as it was', () => {
  const citation: Citation = {
    format: 'gemini',
    url: 'https://example.com',
    title: 'T',
    quote: 'q',
    start: 0,
    end: 4,
    raw: { web: { uri: 'https://example.com' } },
  };
  const message = MESSAGES.writeAnswer(
    answerOf([{ kind: 'text', text: 'text', citations: [citation] }]),
    answerFacts(),
  );
  expect(message['content']).toMatchObject([
    { citations: [{ type: 'web_search_result_location', url: 'https://example.com', cited_text: 'q' }] },
  ]);
  const parts = returned(JSON.parse(JSON.stringify(message)) as JsonObject);
  expect(parts).toEqual([{ kind: 'text', text: 'text', citations: [citation] }]);
  const dropped = new Dropped();
  const body = MESSAGES.writeRequest({ ...emptyRequest(), turns: [{ role: 'assistant', parts }] }, dropped);
  expect(JSON.stringify(body)).not.toContain('citations');
  expect(dropped.names).toEqual(['messages.content.citations']);
});

test('the events of the tests say what the answers of the tests say', () => {
  for (const [, parts] of PARTS) expect(said(buildAnswer(eventsOf(parts)).parts)).toEqual(said(parts));
});
