import type { JsonObject } from '../conversation/parts.ts';
import { isObject } from '../conversation/json.ts';
import type { AnswerSink } from '../llm-ports.ts';
import { EventTap } from '../upstream/event-tap.ts';
import { PassingSink } from './passing-sink.ts';

/** States of an answer that can be gone on with. */
const COMPLETE: ReadonlySet<unknown> = new Set(['completed', 'incomplete']);
const LAST = /^response\.(?:completed|incomplete)$/;

/** Passes an answer of Responses on as it comes from its provider, and tells the response object when it is complete. */
export function keepingSink(out: AnswerSink, onAnswer: (response: JsonObject) => void): AnswerSink {
  const tap = new EventTap((event, data) => {
    const response = event === undefined || LAST.test(event) ? lastResponse(data) : undefined;
    if (response !== undefined) onAnswer(response);
    return true;
  });
  return new PassingSink(out, {
    onSent: (body) => {
      const response = parsed(body);
      // One that is still to come has its last state at its provider alone.
      if (response !== undefined && COMPLETE.has(response['status'])) onAnswer(response);
    },
    onWritten: (bytes) => {
      tap.push(bytes);
    },
  });
}

function lastResponse(data: Buffer): JsonObject | undefined {
  // Without an `event:` line the type is inside; deltas, nearly all of a stream, are not parsed for it.
  if (!data.includes('"response.completed"') && !data.includes('"response.incomplete"')) return undefined;
  const value = parsed(data);
  if (value === undefined || !LAST.test(String(value['type']))) return undefined;
  return isObject(value['response']) ? value['response'] : undefined;
}

function parsed(bytes: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
