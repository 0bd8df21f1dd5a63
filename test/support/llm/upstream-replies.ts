import type { ProviderReply } from './provider.ts';
import { CHAT_UPSTREAM } from './replies-chat.ts';
import { GEMINI_UPSTREAM } from './replies-gemini.ts';
import { MESSAGES_UPSTREAM } from './replies-messages.ts';
import { RESPONSES_UPSTREAM } from './replies-responses.ts';
import type { Recorded, Upstream } from './upstream.ts';

/** Bytes in a chunk: events, and characters, are cut anywhere. */
const CHUNK_BYTES = 397;

/** A recorded answer, streamed when the request asks for it. */
export function replay({ whole, stream }: Recorded, isStream: boolean): ProviderReply {
  if (!isStream) return { body: [JSON.stringify(whole)] };
  const bytes = Buffer.from(stream);
  const body: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) body.push(bytes.subarray(at, at + CHUNK_BYTES));
  return { headers: { 'content-type': 'text/event-stream; charset=utf-8' }, body };
}

export const UPSTREAMS: readonly Upstream[] = [
  CHAT_UPSTREAM,
  RESPONSES_UPSTREAM,
  MESSAGES_UPSTREAM,
  GEMINI_UPSTREAM,
];
