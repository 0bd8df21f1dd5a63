import { parseBody } from '../conversation/json.ts';
import { LlmFailure } from '../conversation/llm-failure.ts';
import type { JsonObject } from '../conversation/parts.ts';

export function wrongType(type: string): LlmFailure {
  return new LlmFailure(
    'upstream',
    `The provider answered with "${type.slice(0, 80)}" where a stream of events was asked for.`,
    { status: 502 },
  );
}

export function tooLarge(bytesMax: number): LlmFailure {
  return new LlmFailure(
    'upstream',
    `The provider answered with more than ${bytesMax} bytes (limits.upstream_response_bytes_max).`,
    { status: 502 },
  );
}

/** A provider's answer as an object. Throws LlmFailure. */
export function parsedBody(body: Buffer): JsonObject {
  let value: unknown;
  try {
    value = parseBody(body.toString('utf8'));
  } catch (error) {
    throw new LlmFailure('upstream', nonsense(body), { status: 502, cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new LlmFailure('upstream', nonsense(body), { status: 502 });
  return value as JsonObject;
}

/** For JSON that is not an answer in the provider's format. */
export function noAnswer(body: Buffer): LlmFailure {
  return new LlmFailure(
    'upstream',
    `The provider answered something that is no answer of a model: ${JSON.stringify(excerptOf(body))}.`,
    { status: 502, code: 'upstream_malformed' },
  );
}

function excerptOf(body: Buffer): string {
  return body.toString('utf8', 0, 120).replaceAll(/\s+/g, ' ').trim();
}

function nonsense(body: Buffer): string {
  const excerpt = excerptOf(body);
  return excerpt === ''
    ? 'The provider answered with an empty body.'
    : `The provider answered something that is not JSON: ${JSON.stringify(excerpt)}.`;
}
