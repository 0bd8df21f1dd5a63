import type { ProviderReply, ProviderRequest } from './provider.ts';
import { CHAT_UPSTREAM } from './replies-chat.ts';
import { GEMINI_UPSTREAM } from './replies-gemini.ts';
import { MESSAGES_UPSTREAM } from './replies-messages.ts';
import { RESPONSES_UPSTREAM } from './replies-responses.ts';
import type { Received } from './sdk-turn.ts';

/** One wire format as a provider of models speaks it. */
export interface Upstream {
  readonly name: string;
  /** `litellm_params` that reach it at this address. */
  params(url: string): Readonly<Record<string, string>>;
  /** The provider's name for the model. */
  readonly model: string;
  /** The seal of the thought, or of the call, in its first answer. */
  readonly seal: string;
  /** The ids of the calls in its first answer. */
  readonly callIds: readonly [string, string];
  /** The answer that thinks, speaks and calls two tools at once, and the one after the results. */
  readonly first: Recorded;
  readonly last: Recorded;
  read(request: ProviderRequest): Received;
}

export interface Recorded {
  readonly whole: object;
  /** As bytes of `text/event-stream`. */
  readonly stream: string;
}

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
