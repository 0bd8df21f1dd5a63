import { invalid } from '../../conversation/llm-failure.ts';
import type { Json, JsonObject, Part, ServerCallPart } from '../../conversation/parts.ts';
import { readContent } from './read-content.ts';
import { extrasOf, isObject, listOf, type Members, textOf } from './json-members.ts';
import { decodeSeal, type Sealed } from './seal-code.ts';

/** What one item of `input` or `output` that is no message comes to. */
export interface ItemParts {
  readonly role: 'user' | 'assistant';
  readonly parts: readonly Part[];
  /** A seal that belongs to a tool call elsewhere in the input. */
  readonly callSeal?: Sealed | undefined;
}

/** Items that say what a client's own tool brought. */
const CLIENT_OUTPUTS: ReadonlySet<string> = new Set([
  'computer_call_output',
  'local_shell_call_output',
  'shell_call_output',
  'apply_patch_call_output',
  'additional_tools',
  'configuration_update',
  'compaction_trigger',
]);

/** An item that is no message. Items that only this format has become foreign parts. */
export function readItem(item: Members, type: string): ItemParts {
  switch (type) {
    case 'function_call':
    case 'custom_tool_call':
      return assistant(readCall(item, type === 'custom_tool_call'));
    case 'function_call_output':
    case 'custom_tool_call_output':
      return { role: 'user', parts: [readCallOutput(item, type === 'custom_tool_call_output')] };
    case 'reasoning':
      return readReasoning(item);
    case 'mcp_call':
      return assistant(readServerCall(item));
    case 'mcp_list_tools':
      return assistant(readServerTools(item));
    case 'mcp_approval_request':
      return assistant({
        kind: 'approval-request',
        id: item.needText('id'),
        server: item.needText('server_label'),
        name: item.needText('name'),
        input: item.needText('arguments'),
        extras: rest(item, ['id', 'server_label', 'name', 'arguments']),
      });
    case 'mcp_approval_response':
      return { role: 'user', parts: [readApproval(item)] };
    case 'image_generation_call':
      return assistant(readImage(item));
    default:
      return {
        role: CLIENT_OUTPUTS.has(type) ? 'user' : 'assistant',
        parts: [{ kind: 'foreign', format: 'responses', value: item.value, itemId: item.text('id') }],
      };
  }
}

function assistant(part: Part): ItemParts {
  return { role: 'assistant', parts: [part] };
}

/** `status` of a finished item says nothing that a request could use. */
function rest(item: Members, known: readonly string[]): ReturnType<typeof extrasOf> {
  const members = item.rest(['type', ...known]);
  if (members['status'] === 'completed') delete members['status'];
  return extrasOf(members);
}

function readCall(item: Members, isFreeform: boolean): Part {
  const input = isFreeform ? 'input' : 'arguments';
  return {
    kind: 'tool-call',
    id: item.needText('call_id'),
    name: item.needText('name'),
    namespace: item.text('namespace'),
    input: item.needText(input),
    isFreeform: isFreeform || undefined,
    itemId: item.text('id'),
    extras: rest(item, ['id', 'call_id', 'name', 'namespace', input]),
  };
}

function readCallOutput(item: Members, isFreeform: boolean): Part {
  const output = item.value['output'];
  if (output === undefined || output === null) throw invalid(`${item.path} needs output`, item.at('output'));
  return {
    kind: 'tool-result',
    callId: item.needText('call_id'),
    content: readContent(output, item.at('output')),
    isFreeform: isFreeform || undefined,
    itemId: item.text('id'),
    extras: rest(item, ['id', 'call_id', 'output']),
  };
}

/** One part per summary and text, with the seal on the last; an item with neither has one part without text. */
function readReasoning(item: Members): ItemParts {
  const itemId = item.text('id');
  const code = item.text('encrypted_content');
  const sealed = code === undefined || code === '' ? undefined : decodeSeal(code, itemId);
  if (sealed?.callId !== undefined) return { role: 'assistant', parts: [], callSeal: sealed };
  const extras = rest(item, ['id', 'summary', 'content', 'encrypted_content']);
  if (sealed?.text !== undefined)
    return assistant({
      kind: 'thinking',
      text: sealed.text,
      isSummary: sealed.isSummary || undefined,
      seal: sealed.seal,
      itemId,
      extras,
    });
  const texts = [
    ...thoughts(item, 'summary').map((text) => ({ text, isSummary: true })),
    ...thoughts(item, 'content').map((text) => ({ text, isSummary: undefined })),
  ];
  if (texts.length === 0) texts.push({ text: '', isSummary: true });
  return {
    role: 'assistant',
    parts: texts.map(({ text, isSummary }, at) => ({
      kind: 'thinking',
      text,
      isSummary,
      seal: at === texts.length - 1 ? sealed?.seal : undefined,
      itemId,
      extras: at === 0 ? extras : undefined,
    })),
  };
}

function thoughts(item: Members, name: 'summary' | 'content'): readonly string[] {
  return (item.list(name) ?? []).map((part, at) => {
    const text = isObject(part) ? textOf(part['text']) : undefined;
    if (text === undefined)
      throw invalid(`${item.at(name)}[${at}].text must be a string`, `${item.at(name)}[${at}].text`);
    return text;
  });
}

function readServerCall(item: Members): ServerCallPart {
  const error = item.value['error'] ?? undefined;
  const output = item.text('output');
  return {
    kind: 'server-call',
    id: item.needText('id'),
    server: item.needText('server_label'),
    name: item.needText('name'),
    input: item.needText('arguments'),
    output: error === undefined ? outputParts(output) : [{ kind: 'text', text: errorText(error) }],
    isError: error === undefined ? undefined : true,
    approvalId: item.text('approval_request_id'),
    extras: rest(item, [
      'id',
      'server_label',
      'name',
      'arguments',
      'output',
      'approval_request_id',
      'status',
    ]),
  };
}

function outputParts(output: string | undefined): readonly Part[] | undefined {
  if (output === undefined) return undefined;
  return output === '' ? [] : [{ kind: 'text', text: output }];
}

/** The error of an `mcp_call`: a string, or an object with a message, or one with the tool's own content. */
export function errorText(error: Json): string {
  if (typeof error === 'string') return error;
  if (!isObject(error)) return JSON.stringify(error);
  const message = textOf(error['message']);
  if (message !== undefined) return message;
  const texts = listOf(error['content']).map((part) => (isObject(part) ? textOf(part['text']) : undefined));
  const text = texts.filter((one) => one !== undefined).join('\n');
  return text === '' ? JSON.stringify(error) : text;
}

function readServerTools(item: Members): Part {
  const tools = (item.list('tools') ?? []).filter(isObject);
  const error = item.value['error'] ?? undefined;
  return {
    kind: 'server-tools',
    id: item.needText('id'),
    server: item.needText('server_label'),
    tools: tools.map((tool) => ({
      name: textOf(tool['name']) ?? '',
      description: textOf(tool['description']),
      schema: schemaOf(tool['input_schema']),
    })),
    error: error === undefined ? undefined : errorText(error),
    // The tools as they came have more than their names: annotations.
    extras: extrasOf({ tools }),
  };
}

function schemaOf(value: Json | undefined): JsonObject {
  return isObject(value) ? value : { type: 'object' };
}

function readApproval(item: Members): Part {
  const isApproved = item.flag('approve');
  if (isApproved === undefined)
    throw invalid(`${item.at('approve')} must be true or false`, item.at('approve'));
  return {
    kind: 'approval',
    requestId: item.needText('approval_request_id'),
    isApproved,
    reason: item.text('reason'),
    itemId: item.text('id'),
    extras: rest(item, ['id', 'approval_request_id', 'approve', 'reason']),
  };
}

function readImage(item: Members): Part {
  const result = item.text('result');
  const itemId = item.text('id');
  if (result === undefined) return { kind: 'foreign', format: 'responses', value: item.value, itemId };
  return {
    kind: 'image',
    source: { kind: 'base64', mediaType: `image/${item.text('output_format') ?? 'png'}`, data: result },
    itemId,
    extras: rest(item, ['id', 'result']),
  };
}
