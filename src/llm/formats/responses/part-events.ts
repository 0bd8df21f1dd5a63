import type { AnswerEvent, PartStart } from '../../conversation/answer.ts';
import type { Part } from '../../conversation/parts.ts';

/** A part that is there at once, as the events of one that comes bit by bit. */
export function partEvents(part: Part, at: number): readonly AnswerEvent[] {
  const started = startOf(part);
  const { itemId, extras } = part;
  const events: AnswerEvent[] = [{ kind: 'part-start', at, part: started, itemId, extras }];
  switch (part.kind) {
    case 'text':
      if (part.text !== '') events.push({ kind: 'text', at, text: part.text });
      for (const citation of part.citations ?? []) events.push({ kind: 'citation', at, citation });
      break;
    case 'refusal':
      if (part.text !== '') events.push({ kind: 'text', at, text: part.text });
      break;
    case 'thinking':
      if (part.text !== '') events.push({ kind: 'text', at, text: part.text });
      if (part.seal !== undefined) events.push({ kind: 'seal', at, seal: part.seal });
      break;
    case 'tool-call':
      if (part.input !== '') events.push({ kind: 'input', at, text: part.input });
      if (part.seal !== undefined) events.push({ kind: 'seal', at, seal: part.seal });
      break;
    case 'server-call':
      if (part.input !== '') events.push({ kind: 'input', at, text: part.input });
      if (part.output !== undefined)
        events.push({ kind: 'result', at, content: part.output, isError: part.isError === true });
      break;
    default:
  }
  events.push({ kind: 'part-end', at });
  return events;
}

function startOf(part: Part): PartStart {
  switch (part.kind) {
    case 'text':
    case 'refusal':
      return { kind: part.kind };
    case 'thinking':
      return { kind: 'thinking', isSummary: part.isSummary };
    case 'tool-call': {
      const { id, name, namespace, isFreeform } = part;
      return { kind: 'tool-call', id, name, namespace, isFreeform };
    }
    case 'server-call': {
      const { id, server, name, approvalId } = part;
      return { kind: 'server-call', id, server, name, approvalId };
    }
    default:
      return { kind: 'whole', part };
  }
}
