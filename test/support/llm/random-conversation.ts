import type { Answer, AnswerEvent } from '../../../src/llm/conversation/answer.ts';
import type { FormatName } from '../../../src/llm/conversation/format-name.ts';
import type { Part, Seal } from '../../../src/llm/conversation/parts.ts';
import type { ModelRequest, Turn } from '../../../src/llm/conversation/request.ts';
import type { SeededRandom } from '../seeded-random.ts';

const TEXTS = ['Hello.', 'Wie geht’s? ☀️', 'a\nb', '天気', '"quoted" \\ back', ' x '];
const INPUTS = ['{}', '{"a":1}', '{"path":"/tmp/ä","n":[1,2,{"b":null}]}', '{"deep":{"er":{"s":"\\n"}}}'];

/** A request that the format can say in full, as a client of the format would have sent it. */
export function randomRequest(random: SeededRandom, format: 'messages' | 'gemini'): ModelRequest {
  const tools = ['f', 'get_x', 'mcp__gw__echo'].slice(0, random.int(4)).map((name) => ({
    kind: 'function' as const,
    name,
    description: random.pick(TEXTS),
    schema: { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
  }));
  return {
    model: 'claude-sonnet-4-5',
    isStream: random.int(2) === 0,
    system: Array.from({ length: random.int(3) }, () => text(random)),
    turns: randomTurns(random, format),
    tools,
    ...(tools.length > 0 && random.int(2) === 0 ? { toolChoice: { kind: 'auto' as const } } : {}),
    sampling: {
      maxTokens: 1 + random.int(5000),
      ...(random.int(2) === 0 ? { temperature: random.int(10) / 10 } : {}),
      ...(random.int(3) === 0 ? { stop: ['END'] } : {}),
    },
    extras: { format, members: {} },
  };
}

function randomTurns(random: SeededRandom, format: 'messages' | 'gemini'): readonly Turn[] {
  const turns: Turn[] = [];
  const rounds = 1 + random.int(4);
  let calls = 0;
  for (let round = 0; round < rounds; round++) {
    turns.push({ role: 'user', parts: [text(random), ...(random.int(3) === 0 ? [image] : [])] });
    const parts: Part[] = [];
    if (random.int(2) === 0) parts.push(thought(random, format));
    parts.push(text(random));
    const count = random.int(3);
    const ids = Array.from({ length: count }, () => `call_${++calls}`);
    for (const id of ids) parts.push({ kind: 'tool-call', id, name: `f${id}`, input: random.pick(INPUTS) });
    turns.push({ role: 'assistant', parts });
    if (count === 0) continue;
    const results = ids.map(
      (callId): Part => ({
        kind: 'tool-result',
        callId,
        name: `f${callId}`,
        content: [text(random)],
        ...(random.int(3) === 0 ? { isError: true } : {}),
      }),
    );
    turns.push({ role: 'user', parts: results }, { role: 'assistant', parts: [text(random)] });
  }
  return turns;
}

/** An answer that the format can say in full. */
export function randomAnswer(random: SeededRandom, format: 'messages' | 'gemini'): Answer {
  const parts: Part[] = [];
  const count = 1 + random.int(5);
  for (let index = 0; index < count; index++) {
    const kind = random.int(4);
    if (kind === 0) parts.push(thought(random, format));
    else if (kind === 1) parts.push(text(random));
    else parts.push({ kind: 'tool-call', id: `call_${index}`, name: 'f', input: random.pick(INPUTS) });
  }
  const input = 20 + random.int(100);
  return {
    id: 'answer_1',
    model: 'm',
    createdAt: 0,
    parts,
    stop: { kind: parts.some((part) => part.kind === 'tool-call') ? 'tool-calls' : 'end' },
    usage: {
      input,
      output: 10 + random.int(100),
      cacheRead: random.int(20),
      cacheWrite: 0,
      cacheWrite1h: 0,
      reasoning: random.int(10),
      audioInput: 0,
      audioOutput: 0,
    },
  };
}

/** The events of an answer, cut into small pieces and with the parts overlapping each other at random. */
export function interleavedEvents(answer: Answer, random: SeededRandom): readonly AnswerEvent[] {
  const queues = answer.parts.map((part, at) => eventsOf(part, at, random));
  const events: AnswerEvent[] = [{ kind: 'start', id: answer.id, model: answer.model, createdAt: 0 }];
  let begun = 0;
  while (queues.some((queue) => queue.length > 0)) {
    // Parts begin in order; those that have begun go on in any order.
    const open = queues.findIndex((queue, at) => at < begun && queue.length > 0);
    if (begun < queues.length && (open < 0 || random.int(3) === 0)) {
      events.push(queues[begun++]!.shift()!);
      continue;
    }
    const going = queues.filter((queue, at) => at < begun && queue.length > 0);
    events.push(random.pick(going).shift()!);
  }
  if (answer.usage !== undefined) events.push({ kind: 'usage', usage: answer.usage });
  return [...events, { kind: 'stop', stop: answer.stop }, { kind: 'end' }];
}

function eventsOf(part: Part, at: number, random: SeededRandom): AnswerEvent[] {
  const end: AnswerEvent = { kind: 'part-end', at };
  if (part.kind === 'tool-call') {
    const { id, name, input } = part;
    return [
      { kind: 'part-start', at, part: { kind: 'tool-call', id, name } },
      ...pieces(input, random).map((piece): AnswerEvent => ({ kind: 'input', at, text: piece })),
      end,
    ];
  }
  if (part.kind !== 'text' && part.kind !== 'thinking') throw new Error(`No events of a part ${part.kind}.`);
  return [
    { kind: 'part-start', at, part: { kind: part.kind } },
    ...pieces(part.text, random).map((piece): AnswerEvent => ({ kind: 'text', at, text: piece })),
    ...(part.seal === undefined ? [] : [{ kind: 'seal' as const, at, seal: part.seal }]),
    end,
  ];
}

function pieces(whole: string, random: SeededRandom): readonly string[] {
  const list: string[] = [];
  for (let from = 0; from < whole.length; ) {
    const to = from + 1 + random.int(6);
    list.push(whole.slice(from, to));
    from = to;
  }
  return list;
}

const image: Part = {
  kind: 'image',
  source: { kind: 'base64', mediaType: 'image/png', data: 'iVBORw0KGgo=' },
};

function text(random: SeededRandom): Part {
  return { kind: 'text', text: random.pick(TEXTS) };
}

function thought(random: SeededRandom, format: FormatName): Part {
  const seal: Seal = { format, kind: 'signature', value: `EsEC${random.int(1e9)}` };
  return { kind: 'thinking', text: random.pick(TEXTS), seal };
}
