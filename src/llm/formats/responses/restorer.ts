import type { AnswerEvent } from '../../conversation/answer.ts';
import type { ModelRequest } from '../../conversation/request.ts';
import { wireNames } from './wire-names.ts';

/** Gives calls their tools' own names back. */
export function restorer(
  request: ModelRequest,
): ((event: AnswerEvent) => readonly AnswerEvent[]) | undefined {
  const { byWire } = wireNames(request);
  if (byWire.size === 0) return undefined;
  return (event) => {
    if (event.kind !== 'part-start' || event.part.kind !== 'tool-call') return [event];
    const name = byWire.get(event.part.name);
    return name === undefined ? [event] : [{ ...event, part: { ...event.part, name } }];
  };
}
