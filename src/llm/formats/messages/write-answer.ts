import type { Answer } from '../../conversation/answer.ts';
import type { AnswerFacts } from '../../conversation/format.ts';
import { inputObject } from '../../conversation/json.ts';
import type { JsonObject, Part, TextPart, ThinkingPart, ToolCallPart } from '../../conversation/parts.ts';
import { messageOf, resultBlock, sealBlock, tokenOfThought } from './blocks.ts';
import { writeCitation } from './citations.ts';

/** A whole message. */
export function writeAnswer(answer: Answer, facts: AnswerFacts): JsonObject {
  const content = answer.parts.flatMap((part) => blocksOf(part, facts));
  const hasToolCalls = answer.parts.some((part) => part.kind === 'tool-call');
  const id = answer.id.startsWith('msg_') ? answer.id : facts.newId('msg_');
  if (answer.logprobs !== undefined) facts.dropped.add('logprobs');
  return messageOf(id, facts.model, content, answer.usage, { stop: answer.stop, hasToolCalls });
}

function blocksOf(part: Part, facts: AnswerFacts): readonly JsonObject[] {
  switch (part.kind) {
    case 'text':
      return textBlocks(part, facts);
    case 'refusal':
      return part.text === '' ? [] : [{ type: 'text', text: part.text }];
    case 'thinking':
      return thoughtBlocks(part);
    case 'tool-call':
      return callBlocks(part);
    case 'server-call': {
      const { id, name, server } = part;
      const call = { type: 'mcp_tool_use', id, name, server_name: server, input: inputObject(part.input) };
      return part.output === undefined
        ? [call]
        : [call, resultBlock(id, part.output, part.isError === true, facts.dropped)];
    }
    case 'foreign':
      if (part.format === 'messages') return [part.value];
      facts.dropped.add('content.foreign');
      return [];
    case 'server-tools':
      // Which tools there were is said by the request.
      return [];
    case 'image':
    case 'document':
    case 'audio':
    case 'video':
    case 'tool-result':
    case 'approval-request':
    case 'approval':
      facts.dropped.add(`content.${part.kind}`);
      return [];
  }
}

function textBlocks({ text, citations, seal }: TextPart, facts: AnswerFacts): readonly JsonObject[] {
  if (text === '') return seal === undefined ? [] : [sealBlock(seal, 'empty-text')];
  const written = citations
    ?.map((citation) => writeCitation(citation, facts.dropped))
    .filter((citation) => citation !== undefined);
  const block = {
    type: 'text',
    text,
    ...(written === undefined || written.length === 0 ? {} : { citations: written }),
  };
  return seal === undefined ? [block] : [block, sealBlock(seal, 'previous')];
}

function thoughtBlocks({ text, seal, isSummary }: ThinkingPart): readonly JsonObject[] {
  if (seal === undefined) return text === '' ? [] : [{ type: 'thinking', thinking: text, signature: '' }];
  const { type, token } = tokenOfThought(seal, text !== '', isSummary);
  return type === 'thinking' ? [{ type, thinking: text, signature: token }] : [{ type, data: token }];
}

function callBlocks({ id, name, namespace, input, seal, extras }: ToolCallPart): readonly JsonObject[] {
  const block = {
    type: 'tool_use',
    id,
    name: namespace === undefined ? name : `${namespace}__${name}`,
    input: inputObject(input),
    ...(extras?.format === 'messages' ? extras.members : {}),
  };
  return seal === undefined ? [block] : [sealBlock(seal, 'next'), block];
}
