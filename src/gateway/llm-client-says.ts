import type { CallStart } from '../ledger/ledger-ports.ts';
import type { LlmCall } from '../llm/llm-wire.ts';

const TAGS_MAX = 20;
const TEXT_MAX = 200;
const METADATA_BYTES_MAX = 16 * 1024;

/**
 * What a request to a model says about itself: whom it is for (`user`, or Anthropic's `metadata.user_id`), its conversation
 * (`metadata.session_id`, `x-litellm-session-id`) and its tags (`metadata.tags`, `x-litellm-tags`), as LiteLLM reads them.
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
    tags: tagsOf(metadata['tags'], headers['x-litellm-tags']),
  };
}

function memberOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, TEXT_MAX) : undefined;
}

/** A JSON array. */
function tagsOf(given: unknown, header: unknown): string | undefined {
  const list = Array.isArray(given) ? given : typeof header === 'string' ? header.split(',') : [];
  const tags = list.filter((tag) => typeof tag === 'string').map((tag) => tag.trim().slice(0, TEXT_MAX));
  return tags.length === 0 ? undefined : JSON.stringify(tags.filter((tag) => tag !== '').slice(0, TAGS_MAX));
}
