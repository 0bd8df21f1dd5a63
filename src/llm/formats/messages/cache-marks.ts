import type { JsonObject } from '../../conversation/parts.ts';
import type { ModelRequest } from '../../conversation/request.ts';

const MARK = { cache_control: { type: 'ephemeral' } };
/** Of the latest turns of the user: where the next request finds what this one wrote, and where this one finds what the last one did. */
const TURNS_MARKED = 2;
const UNMARKABLE: ReadonlySet<unknown> = new Set(['thinking', 'redacted_thinking']);

/** The parts of a request that may carry marks. */
export interface Markable {
  readonly system: readonly JsonObject[];
  readonly messages: readonly JsonObject[];
}

/**
 * Other providers keep prompts by themselves, and take a key that says which requests belong together (OpenAI, `prompt_cache_key`). This one keeps what is
 * marked: for a client that asks with a key and marks nothing, the instructions and the conversation so far (Anthropic, "Prompt caching").
 */
export function withCacheMarks(request: ModelRequest, { system, messages }: Markable): Markable {
  if (request.cacheKey === undefined || request.extras?.format === 'messages' || hasMarks(request))
    return { system, messages };
  const users = messages.flatMap(({ role }, at) => (role === 'user' ? [at] : [])).slice(-TURNS_MARKED);
  return {
    system: marked(system),
    messages: messages.map((message, at) =>
      users.includes(at)
        ? { ...message, content: marked(message['content'] as readonly JsonObject[]) }
        : message,
    ),
  };
}

function hasMarks({ system, turns, tools }: ModelRequest): boolean {
  return [...system, ...turns.flatMap(({ parts }) => parts), ...tools].some(
    (one) => 'cache' in one && one.cache !== undefined,
  );
}

/** The last block that takes a mark gets one. */
function marked(blocks: readonly JsonObject[]): readonly JsonObject[] {
  const last = blocks.findLastIndex(({ type, text }) => !UNMARKABLE.has(type) && text !== '');
  return blocks.map((block, at) => (at === last ? { ...block, ...MARK } : block));
}
