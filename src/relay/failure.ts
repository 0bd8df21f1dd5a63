import { GatewayError } from '../core/errors.ts';
import { errorObject, readMessages } from '../mcp/client-wire.ts';
import type { ResponseHead } from '../net/http-client.ts';

const EXCERPT_CHARACTERS = 200;

/** What the client is told instead of an answer. */
export interface Failure {
  /** JSON text of the error object. */
  readonly error: Buffer;
  /** The same in words. */
  readonly text: string;
}

/** Where messages go to, in words. */
export interface Place {
  /** The URL without its query, which may hold a secret. */
  readonly address: string;
  /** Where the key comes from that is sent, in words; `undefined` when none is. */
  readonly keySource: string | undefined;
}

export function failureOf(error: GatewayError): Failure {
  return { error: errorObject(error), text: error.message };
}

/** What an HTTP answer of 300 or above means. The other side's own JSON-RPC error is passed on, unless the key or the address is wrong. */
export function refusalOf(head: ResponseHead, body: Buffer, place: Place): Failure {
  const { status } = head;
  const theirs = rpcErrorIn(body);
  if (theirs !== undefined && status !== 401 && status !== 403) return theirs;
  return failureOf(
    new GatewayError('relay-refused', {
      url: place.address,
      status,
      reason: withoutFullStop(theirs?.text ?? excerpt(body) ?? 'without a reason'),
      advice: advice(head, place),
    }),
  );
}

/** The code of the JSON-RPC error in a body. */
export function rpcErrorCode(body: Buffer): unknown {
  const theirs = rpcErrorIn(body);
  return theirs === undefined
    ? undefined
    : (JSON.parse(theirs.error.toString('utf8')) as { readonly code?: unknown }).code;
}

function rpcErrorIn(body: Buffer): Failure | undefined {
  try {
    const message = readMessages(body).messages[0]!;
    if (message.kind !== 'error') return undefined;
    const { error } = message;
    return {
      error: error.bytes.subarray(error.start, error.end),
      text: error.string('message') ?? `error ${String(error.value('code'))}`,
    };
  } catch (problem) {
    if (problem instanceof GatewayError) return undefined;
    throw problem;
  }
}

function advice({ status, headers }: ResponseHead, { keySource }: Place): string {
  if (status === 401)
    return keySource === undefined
      ? 'Give the key with --key-file FILE or in the environment variable LANPORT_KEY.'
      : `The key comes from ${keySource}: correct it there, or ask the operator for one.`;
  if (status === 403) return 'Ask its operator to allow this machine and this key.';
  const { location } = headers;
  if (status < 400 && location !== undefined)
    return `Redirects are not followed: if that place is yours, use --url ${location}.`;
  if (status === 404 || status === 405) return 'Check the path of --url: a gateway serves MCP at /mcp.';
  if (status >= 500) return 'See the log of that server.';
  return 'Check --url.';
}

function excerpt(body: Buffer): string | undefined {
  const text = body
    .toString('utf8', 0, 2_000)
    .replaceAll(/<(?:style|script)[^>]*>.*?<\/(?:style|script)>/gis, ' ')
    .replaceAll(/<[^>]*>|\s+/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, EXCERPT_CHARACTERS);
  return text === '' ? undefined : JSON.stringify(text);
}

function withoutFullStop(text: string): string {
  return text.replace(/\.$/, '');
}
