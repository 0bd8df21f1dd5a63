import type { AnswerEvent, Usage } from '../conversation/answer.ts';
import { LlmFailure } from '../conversation/llm-failure.ts';
import type { Part } from '../conversation/parts.ts';
import type { ModelRequest } from '../conversation/request.ts';
import { chooseTool } from './choose-tool.ts';
import { fillSchema } from './fill-schema.ts';
import type { MockScript } from './script.ts';

/** One step of a mock's answer. */
export interface MockStep {
  readonly events: readonly AnswerEvent[];
  /** Milliseconds to wait before it. */
  readonly afterMs: number;
}

/** How a mock's answer ends. */
export type MockEnd = 'whole' | 'cut' | 'stall';

export interface MockAnswer {
  readonly steps: readonly MockStep[];
  readonly end: MockEnd;
}

const RESULT_CHARACTERS_MAX = 4_000;

/** What a mock answers: always the same for the same request and script. Throws LlmFailure where the script says so. */
export function mockAnswer(
  request: ModelRequest,
  script: MockScript,
  id: string,
  createdAt: number,
): MockAnswer {
  const { error } = script;
  if (error !== undefined)
    throw new LlmFailure(kindOf(error.status, error.message), error.message, {
      status: error.status,
      code: 'mock_error',
      retryAfterMs: error.retry_after_s === undefined ? undefined : error.retry_after_s * 1_000,
    });
  const calls = callsOf(request, script);
  const text = calls.length > 0 ? '' : (resultText(request) ?? script.text);
  const words = text.match(/\s*\S+|\s+$/g) ?? [];
  const stopAfter = Math.min(
    script.cut_after ?? Number.POSITIVE_INFINITY,
    script.stall_after ?? Number.POSITIVE_INFINITY,
  );
  const wordMs = script.tokens_per_second === undefined ? 0 : 1_000 / script.tokens_per_second;
  const steps: MockStep[] = [];
  const step = (afterMs: number, ...events: AnswerEvent[]): void => void steps.push({ events, afterMs });
  step(script.delay_ms ?? 0, { kind: 'start', id, model: request.model, createdAt });
  let at = 0;
  if (script.thinking !== undefined) {
    step(
      0,
      { kind: 'part-start', at, part: { kind: 'thinking' } },
      { kind: 'text', at, text: script.thinking },
    );
    step(0, { kind: 'part-end', at: at++ });
  }
  const end: MockEnd = script.cut_after === undefined ? 'stall' : 'cut';
  let said = 0;
  if (words.length > 0) {
    step(0, { kind: 'part-start', at, part: { kind: 'text' } });
    for (const word of words) {
      if (said++ >= stopAfter) return { steps, end };
      step(wordMs, { kind: 'text', at, text: word });
    }
    if (calls.length === 0 && said >= stopAfter) return { steps, end };
    step(0, { kind: 'part-end', at: at++ });
  }
  for (const [index, call] of calls.entries()) {
    step(wordMs, {
      kind: 'part-start',
      at,
      part: {
        kind: 'tool-call',
        id: `call_${id.slice(-12)}${index}`,
        name: call.name,
        namespace: call.namespace,
      },
    });
    if (said++ >= stopAfter) {
      // In the midst of its arguments.
      step(wordMs, { kind: 'input', at, text: call.input.slice(0, call.input.length >> 1) });
      return { steps, end };
    }
    step(wordMs, { kind: 'input', at, text: call.input }, { kind: 'part-end', at: at++ });
  }
  step(
    0,
    { kind: 'stop', stop: { kind: calls.length > 0 ? 'tool-calls' : 'end' } },
    { kind: 'usage', usage: usageOf(request, script, words.length + calls.length * 10) },
    { kind: 'end' },
  );
  return { steps, end: 'whole' };
}

interface MockCall {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly input: string;
}

function callsOf(request: ModelRequest, script: MockScript): readonly MockCall[] {
  // After results it answers with them.
  if (request.turns.at(-1)?.parts.some(({ kind }) => kind === 'tool-result') === true) return [];
  if (script.tool_calls !== undefined)
    return script.tool_calls.map(({ name, arguments: input }) => ({
      name,
      namespace: undefined,
      input: JSON.stringify(input),
    }));
  if (script.no_tools === true || script.isGiven) return [];
  const words = lastWords(request);
  const tool = chooseTool(request, words);
  if (tool === undefined) return [];
  return [
    { name: tool.name, namespace: tool.namespace, input: JSON.stringify(fillSchema(tool.schema, words)) },
  ];
}

/** The results of the tools that were called last, as text. */
function resultText({ turns }: ModelRequest): string | undefined {
  const results = turns.at(-1)?.parts.filter((part) => part.kind === 'tool-result') ?? [];
  if (results.length === 0) return undefined;
  return results
    .map(({ content }) => textOf(content))
    .join('\n')
    .slice(0, RESULT_CHARACTERS_MAX);
}

/** What the user said last. */
function lastWords({ turns }: ModelRequest): string {
  for (const { role, parts } of [...turns].reverse()) if (role === 'user') return textOf(parts);
  return '';
}

function textOf(parts: readonly Part[]): string {
  return parts
    .map((part) => (part.kind === 'text' ? part.text : ''))
    .filter((text) => text !== '')
    .join('\n');
}

function usageOf(request: ModelRequest, { usage }: MockScript, output: number): Usage {
  const counted = [...request.system, ...request.turns.flatMap(({ parts }) => parts)];
  const input = counted.reduce((sum, part) => sum + countWords(textOf([part])), 0);
  return {
    input: usage?.input ?? input,
    output: usage?.output ?? output,
    cacheRead: usage?.cached ?? 0,
    cacheWrite: 0,
    cacheWrite1h: 0,
    reasoning: 0,
    audioInput: 0,
    audioOutput: 0,
  };
}

function countWords(text: string): number {
  return text.match(/\S+/g)?.length ?? 0;
}

function kindOf(status: number, message: string): ConstructorParameters<typeof LlmFailure>[0] {
  if (message.includes('context_length_exceeded')) return 'context-length';
  if (message.includes('content_policy')) return 'content-policy';
  if (status === 429) return 'rate-limit';
  if (status === 401) return 'auth';
  if (status === 404) return 'not-found';
  return status >= 500 ? 'upstream' : 'invalid';
}
