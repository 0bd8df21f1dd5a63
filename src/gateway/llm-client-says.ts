import type { CallStart } from '../ledger/ledger-ports.ts';
import type { LlmCall } from '../llm/llm-wire.ts';

const TAGS_MAX = 20;
const TEXT_MAX = 200;
const METADATA_BYTES_MAX = 16 * 1024;

/**
 * What a request to a model says about itself: whom it is for (`user`, or Anthropic's `metadata.user_id`), its conversation
 * (`metadata.session_id`, `x-litellm-session-id`) and its tags (`metadata.tags`, and `tags` or else `x-litellm-tags`), as LiteLLM reads them
 * (litellm/proxy/litellm_pre_call_utils.py).
 */
export function clientSays({ text, headers }: LlmCall): Pick<CallStart, 'endUser' | 'session' | 'tags'> {
  const given = text.slice('metadata');
  const metadata =
    given !== undefined && given.length <= METADATA_BYTES_MAX ? memberOf(text.value('metadata')) : {};
  const session = textOf(headers['x-litellm-session-id']) ?? textOf(metadata['session_id']);
  const endUser =
    text.string('user') ?? textOf(metadata['user_id']) ?? textOf(headers['x-litellm-end-user-id']);
  return {
    endUser: endUser?.slice(0, TEXT_MAX),
    session,
    tags: tagsOf(metadata['tags'], text.value('tags'), headers['x-litellm-tags']),
  };
}

function memberOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, TEXT_MAX) : undefined;
}

/** A JSON array: those of the metadata, then those of the body or else the header. */
function tagsOf(metadata: unknown, body: unknown, header: unknown): string | undefined {
  const others = Array.isArray(body) ? body : typeof header === 'string' ? header.split(',') : [];
  const given = [...(Array.isArray(metadata) ? metadata : []), ...others].filter(
    (tag) => typeof tag === 'string',
  );
  const tags = new Set(given.map((tag) => tag.trim().slice(0, TEXT_MAX)).filter((tag) => tag !== ''));
  return tags.size === 0 ? undefined : JSON.stringify([...tags].slice(0, TAGS_MAX));
}
