import { sseEvents } from './sse-events.ts';

type Members = Record<string, unknown>;
interface Block extends Members {
  type: string;
  input_json?: string;
}

const DELTAS: Readonly<Record<string, readonly string[]>> = {
  text_delta: ['text'],
  citations_delta: ['text'],
  thinking_delta: ['thinking'],
  signature_delta: ['thinking'],
  input_json_delta: ['tool_use', 'server_tool_use', 'mcp_tool_use'],
  compaction_delta: ['compaction'],
};

/**
 * Puts the stream of a message together as Anthropic's clients do, and more strictly: blocks are numbered in order and never overlap, every
 * event has its name, a delta fits its block, nothing comes after `message_stop`, and that comes.
 */
export function readMessageStream(bytes: Buffer | string): Members {
  let message: Members | undefined;
  let open: Block | undefined;
  let hasStop = false;
  let isComplete = false;
  const content: Block[] = [];
  for (const { event, data } of sseEvents(bytes)) {
    const value = JSON.parse(data) as Members;
    if (isComplete) throw new Error('An event after message_stop.');
    if (event !== value['type']) throw new Error(`The event ${event} has the type ${String(value['type'])}.`);
    switch (event) {
      case 'ping':
        break;
      case 'message_start':
        if (message !== undefined) throw new Error('A second message_start.');
        message = value['message'] as Members;
        break;
      case 'content_block_start':
        if (message === undefined || hasStop) throw new Error('A block outside the message.');
        if (open !== undefined) throw new Error('A block begins before the one before it has ended.');
        if (value['index'] !== content.length) throw new Error('A gap in the numbers of blocks.');
        open = { ...(value['content_block'] as Block) };
        content.push(open);
        break;
      case 'content_block_delta': {
        if (open === undefined || value['index'] !== content.length - 1)
          throw new Error('A delta of no open block.');
        applyDelta(open, value['delta'] as Members);
        break;
      }
      case 'content_block_stop':
        if (open === undefined || value['index'] !== content.length - 1)
          throw new Error('The end of no open block.');
        if (open.input_json !== undefined) {
          open['input'] = JSON.parse(open.input_json || '{}') as unknown;
          delete open.input_json;
        }
        open = undefined;
        break;
      case 'message_delta':
        if (message === undefined || open !== undefined || hasStop)
          throw new Error('A message_delta out of place.');
        hasStop = true;
        Object.assign(message, value['delta']);
        Object.assign(message['usage'] as Members, value['usage']);
        for (const [name, member] of Object.entries(value))
          if (!['type', 'delta', 'usage'].includes(name)) message[name] = member;
        break;
      case 'message_stop':
        if (!hasStop) throw new Error('A message_stop before the message_delta.');
        isComplete = true;
        break;
      default:
        throw new Error(`No client knows the event ${event}.`);
    }
  }
  if (message === undefined || !isComplete) throw new Error('The stream ended before the message did.');
  return { ...message, content };
}

function applyDelta(block: Block, delta: Members): void {
  const type = String(delta['type']);
  if (DELTAS[type]?.includes(block.type) !== true) throw new Error(`A ${type} in a block ${block.type}.`);
  if (type === 'text_delta') block['text'] = String(block['text']) + String(delta['text']);
  else if (type === 'thinking_delta')
    block['thinking'] = String(block['thinking']) + String(delta['thinking']);
  else if (type === 'signature_delta') block['signature'] = delta['signature'];
  else if (type === 'citations_delta')
    block['citations'] = [...((block['citations'] as unknown[] | undefined) ?? []), delta['citation']];
  else if (type === 'compaction_delta') Object.assign(block, { ...delta, type: 'compaction' });
  else block.input_json = (block.input_json ?? '') + String(delta['partial_json']);
}
