import type { AnswerEvent, PartStart } from '../../src/llm/conversation/answer.ts';
import type { Part } from '../../src/llm/conversation/parts.ts';
import type { SeededRandom } from './seeded-random.ts';

const WORDS = ['one', ' two', '\n', 'é', '🐋', '"', '\\', ' ', '{', '\u2028'];

function text(random: SeededRandom): string {
  return Array.from({ length: 1 + random.int(4) }, () => random.pick(WORDS)).join('');
}

function startOf(random: SeededRandom, number: number): PartStart {
  switch (random.int(7)) {
    case 0:
      return { kind: 'refusal' };
    case 1:
      return { kind: 'thinking', isSummary: random.int(2) === 0 || undefined };
    case 2:
      return { kind: 'tool-call', id: `call_${number}`, name: 'echo', namespace: 'mcp__gw' };
    case 3:
      return { kind: 'tool-call', id: `call_${number}`, name: 'patch', isFreeform: true };
    case 4:
      return { kind: 'server-call', id: `mcp_${number}`, server: 'db', name: 'query' };
    case 5:
      return { kind: 'whole', part: wholePart(random, number) };
    default:
      return { kind: 'text' };
  }
}

function wholePart(random: SeededRandom, number: number): Part {
  if (random.int(2) === 0)
    return { kind: 'approval-request', id: `mcpr_${number}`, server: 'db', name: 'drop', input: '{}' };
  return {
    kind: 'server-tools',
    id: `mcpl_${number}`,
    server: 'db',
    tools: [{ name: 'query', description: text(random), schema: { type: 'object' } }],
  };
}

/** The events of one part after its beginning. */
function bodyOf(random: SeededRandom, at: number, part: PartStart): AnswerEvent[] {
  const deltas = Array.from({ length: 1 + random.int(3) }, () => text(random));
  switch (part.kind) {
    case 'text':
      return [
        ...deltas.map((delta): AnswerEvent => ({ kind: 'text', at, text: delta })),
        ...(random.int(3) === 0
          ? [
              {
                kind: 'citation',
                at,
                citation: {
                  format: 'messages',
                  url: 'https://example.com/',
                  title: 'A page',
                  start: 0,
                  end: 1,
                  raw: {},
                },
              } satisfies AnswerEvent,
            ]
          : []),
      ];
    case 'refusal':
      return deltas.map((delta) => ({ kind: 'text', at, text: delta }));
    case 'thinking': {
      const isRedacted = random.int(4) === 0;
      return [
        ...(isRedacted ? [] : deltas).map((delta): AnswerEvent => ({ kind: 'text', at, text: delta })),
        {
          kind: 'seal',
          at,
          seal: { format: 'messages', kind: isRedacted ? 'redacted' : 'signature', value: `seal/${at}+==` },
        },
      ];
    }
    case 'tool-call':
      return deltas.map((delta) => ({ kind: 'input', at, text: delta }));
    case 'server-call':
      return [
        ...deltas.map((delta): AnswerEvent => ({ kind: 'input', at, text: delta })),
        { kind: 'result', at, content: [{ kind: 'text', text: text(random) }], isError: random.int(3) === 0 },
      ];
    case 'whole':
      return [];
  }
}

/** One answer of a provider of another format, with parts that overlap where the neutral form allows it: calls of tools. */
export function randomAnswer(random: SeededRandom): AnswerEvent[] {
  const events: AnswerEvent[] = [
    { kind: 'start', id: 'msg_upstream', model: 'upstream', createdAt: 1_766_000_000 },
  ];
  const count = random.int(7);
  let pending: AnswerEvent[][] = [];
  const drain = (): void => {
    while (pending.length > 0) {
      const queue = random.pick(pending);
      events.push(queue.shift()!);
      pending = pending.filter((one) => one.length > 0);
    }
  };
  for (let at = 0; at < count; at++) {
    const part = startOf(random, at);
    if (part.kind !== 'tool-call') drain();
    events.push({ kind: 'part-start', at, part });
    pending.push([...bodyOf(random, at, part), { kind: 'part-end', at }]);
    if (part.kind !== 'tool-call' || random.int(2) === 0) drain();
  }
  drain();
  if (random.int(4) > 0)
    events.push({
      kind: 'usage',
      usage: {
        input: 100,
        output: 20,
        cacheRead: 50,
        cacheWrite: 10,
        cacheWrite1h: 0,
        reasoning: 5,
        audioInput: 0,
        audioOutput: 0,
      },
    });
  const stop = random.pick([
    'end',
    'length',
    'tool-calls',
    'content-filter',
    'refusal',
    'stop-sequence',
  ] as const);
  events.push({ kind: 'stop', stop: { kind: stop } }, { kind: 'end' });
  return events;
}
