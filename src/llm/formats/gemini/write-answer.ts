import type { Answer } from '../../conversation/answer.ts';
import type { AnswerFacts } from '../../conversation/format.ts';
import { inputObject } from '../../conversation/json.ts';
import type { Citation, JsonObject, Part, Seal } from '../../conversation/parts.ts';
import { writeGrounding } from './citations.ts';
import { ForeignThoughts, tokenOf, wholePart } from './parts-writer.ts';
import { responseOf } from './response.ts';

/** A whole answer. */
export function writeAnswer(answer: Answer, facts: AnswerFacts): JsonObject {
  const parts: JsonObject[] = [];
  const cited: { citation: Citation; text: string; partIndex: number }[] = [];
  const thoughts = new ForeignThoughts();
  for (const part of answer.parts) {
    if (part.kind === 'thinking') thoughts.add(part);
    if (part.kind === 'text')
      for (const citation of part.citations ?? []) {
        if (citation.url === undefined) facts.dropped.add('citations');
        cited.push({ citation, text: part.text, partIndex: parts.length });
      }
    parts.push(...partsOf(part, thoughts, facts));
  }
  const { stop, usage, logprobs } = answer;
  return responseOf(
    parts,
    { stop, usage, grounding: writeGrounding(cited), logprobs },
    { modelVersion: facts.model, responseId: answer.id === '' ? facts.newId('') : answer.id },
  );
}

function partsOf(part: Part, thoughts: ForeignThoughts, facts: AnswerFacts): readonly JsonObject[] {
  switch (part.kind) {
    case 'text':
      return part.text === '' && part.seal === undefined ? [] : [{ text: part.text, ...sealed(part.seal) }];
    case 'refusal':
      return part.text === '' ? [] : [{ text: part.text }];
    case 'thinking':
      return part.text === '' && part.seal === undefined
        ? []
        : [{ text: part.text, thought: true, ...sealed(part.seal, part.isSummary) }];
    case 'tool-call': {
      const { id, name, namespace, extras } = part;
      return [
        {
          functionCall: {
            ...(id === '' ? {} : { id }),
            name: namespace === undefined ? name : `${namespace}__${name}`,
            args: inputObject(part.input),
          },
          ...thoughts.sealOf(part.seal),
          ...(extras?.format === 'gemini' ? extras.members : {}),
        },
      ];
    }
    default: {
      const whole = wholePart(part);
      if (whole !== undefined) return [whole];
      // Which tools there were is said by the request.
      if (part.kind === 'server-tools') return [];
      facts.dropped.add(`content.${part.kind}`);
      return [];
    }
  }
}

function sealed(seal: Seal | undefined, isSummary?: boolean): JsonObject {
  return seal === undefined ? {} : { thoughtSignature: tokenOf(seal, isSummary) };
}
