import { describe, expect, test } from 'vitest';
import { answerFacts } from '../../../../test/support/llm/answer-facts.ts';
import { readGeminiStream } from '../../../../test/support/llm/gemini-client.ts';
import type { Answer, AnswerEvent } from '../../conversation/answer.ts';
import type { JsonObject, Part, Seal } from '../../conversation/parts.ts';
import { packSeal } from '../../conversation/seal-code.ts';
import { GEMINI } from './format.ts';

const CLAUDE: Seal = { format: 'messages', kind: 'signature', value: 'EsEC+/9v==', id: undefined };
const OPENAI: Seal = { format: 'responses', kind: 'encrypted', value: 'gAAAA-_', id: 'rs_1' };
const OWN: Seal = { format: 'gemini', kind: 'signature', value: 'CiQB+/9v==' };

const PARTS: readonly (readonly [string, readonly Part[]])[] = [
  ['of a thought with text', [{ kind: 'thinking', text: 'Hm.', seal: CLAUDE }]],
  ['of a summary', [{ kind: 'thinking', text: 'Hm.', isSummary: true, seal: OPENAI }]],
  ['of a thought without text', [{ kind: 'thinking', text: '', seal: OPENAI }]],
  [
    'of a redacted thought before a text',
    [
      { kind: 'thinking', text: '', seal: { ...CLAUDE, kind: 'redacted' } },
      { kind: 'text', text: 'Hi.' },
    ],
  ],
  [
    'of two thoughts',
    [
      { kind: 'thinking', text: 'A', seal: CLAUDE },
      { kind: 'thinking', text: 'B', seal: { ...CLAUDE, value: 'EsED' } },
    ],
  ],
  [
    'of its own, on the first of two calls',
    [
      { kind: 'tool-call', id: 'a', name: 'f', input: '{"x":1}', seal: OWN },
      { kind: 'tool-call', id: 'b', name: 'f', input: '{}' },
    ],
  ],
  [
    'of its own, on an empty text',
    [
      { kind: 'text', text: 'Hello.' },
      { kind: 'text', text: '', seal: OWN },
    ],
  ],
  [
    'of a gateway like this one behind its own provider',
    [
      {
        kind: 'tool-call',
        id: 'a',
        name: 'f',
        input: '{}',
        seal: { ...OWN, value: packSeal({ seal: CLAUDE, place: 'self' }) },
      },
    ],
  ],
];

test('thoughts of another provider come back with the call behind them, when a client brings no thoughts', () => {
  const parts: readonly Part[] = [
    { kind: 'thinking', text: 'Hm.', seal: CLAUDE },
    { kind: 'thinking', text: '', seal: OPENAI },
    { kind: 'text', text: 'I look.' },
    { kind: 'tool-call', id: 'a', name: 'f', input: '{}' },
    { kind: 'tool-call', id: 'b', name: 'f', input: '{}' },
  ];
  const writer = GEMINI.answerWriter(answerFacts());
  const stream = readGeminiStream(Buffer.concat(eventsOf(parts).map((event) => writer.write(event))));
  const kept = stream.parts.filter(({ thought }) => thought !== true);
  const [look, hm, silent, ...calls] = returned([
    { role: 'model', parts: kept } as unknown as JsonObject,
  ]) as Part[];
  expect([hm, silent, look, ...calls]).toEqual(said(parts));
  // With the thoughts, they are not there twice.
  expect(returned([{ role: 'model', parts: stream.parts } as unknown as JsonObject])).toHaveLength(5);
});

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

/** What a client sends in its next request: all in one content, or one content for each chunk. */
function returned(contents: readonly JsonObject[]): unknown {
  const request = GEMINI.readRequest(
    { contents: [{ role: 'user', parts: [{ text: 'Hi' }] }, ...contents] },
    { model: 'm', isStream: true },
  );
  expect(request.turns).toHaveLength(2);
  return JSON.parse(JSON.stringify(request.turns[1]?.parts)) as unknown;
}

const said = (parts: readonly Part[]): unknown => JSON.parse(JSON.stringify(parts)) as unknown;

describe('a seal comes back to its place', () => {
  test.each(PARTS)('%s, from a whole answer', (_name, parts) => {
    const answer: Answer = {
      id: 'x',
      model: 'm',
      createdAt: 0,
      parts,
      stop: { kind: 'end' },
      usage: undefined,
    };
    const body = JSON.parse(JSON.stringify(GEMINI.writeAnswer(answer, answerFacts()))) as {
      candidates: { content: JsonObject }[];
    };
    expect(returned(body.candidates.map(({ content }) => content))).toEqual(said(parts));
  });

  test.each(PARTS)('%s, from a stream whose chunks the client recorded', (_name, parts) => {
    const writer = GEMINI.answerWriter(answerFacts());
    const stream = readGeminiStream(Buffer.concat(eventsOf(parts).map((event) => writer.write(event))));
    const contents = stream.parts.map((part) => ({ role: 'model', parts: [part] }) as unknown as JsonObject);
    expect(returned(contents)).toEqual(said(parts));
  });

  test('a client that takes signatures for bytes and writes them in the other alphabet does no harm', () => {
    const parts: readonly Part[] = [
      { kind: 'thinking', text: 'Hm.', seal: { ...CLAUDE, value: 'ÿþ'.repeat(40) } },
    ];
    const answer: Answer = {
      id: 'x',
      model: 'm',
      createdAt: 0,
      parts,
      stop: { kind: 'end' },
      usage: undefined,
    };
    const text = JSON.stringify(GEMINI.writeAnswer(answer, answerFacts()));
    const other = text.replace(/"thoughtSignature":"([^"]*)"/, (_all, token: string) => {
      expect(Buffer.from(token, 'base64').toString('base64')).toBe(token);
      return `"thoughtSignature":"${Buffer.from(token, 'base64').toString('base64url')}"`;
    });
    const body = JSON.parse(other) as { candidates: { content: JsonObject }[] };
    expect(returned(body.candidates.map(({ content }) => content))).toEqual(said(parts));
  });
});
