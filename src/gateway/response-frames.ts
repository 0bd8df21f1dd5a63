import { JsonSyntaxError, scanObject } from '../core/json-scan.ts';
import { invalid, LlmFailure } from '../llm/llm-wire.ts';

/** A `response.create` as it came in a frame. */
export interface CreateFrame {
  readonly kind: 'create';
  /** The lane that it is for; `undefined`: the one without a name. */
  readonly streamId: string | undefined;
  /** The body that a POST would have had, always with `"stream": true`. */
  readonly body: Buffer;
}

/** `processed`: the client has taken in an answer, and wants nothing (Codex CLI). */
export type ClientFrame = CreateFrame | { readonly kind: 'processed' };

const STREAM_ID = /^[A-Za-z0-9_.-]{1,256}$/;
/** Members that are of the frame alone, or that say how a POST is to be answered (OpenAI, "WebSocket mode"). */
const LEFT_OUT: ReadonlySet<string> = new Set(['type', 'stream_id', 'stream', 'background']);
const COMMA = Buffer.from(',');
const STREAMED = Buffer.from('{"stream":true');
const CLOSE = Buffer.from('}');

/** Reads one message of the client's. Throws LlmFailure. */
export function readClientFrame(data: Buffer, isBinary: boolean): ClientFrame {
  if (isBinary)
    throw invalid(
      'A binary frame came. Send text frames, each with one JSON object such as {"type":"response.create", …}.',
    );
  let frame: ReturnType<typeof scanObject>;
  try {
    frame = scanObject(data, 1);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new LlmFailure('invalid', `The frame is not a JSON object: ${error.message}.`, {
      status: 400,
      code: 'invalid_json',
    });
  }
  const type = frame.string('type');
  if (type === 'response.processed') return { kind: 'processed' };
  if (type !== 'response.create') {
    const said =
      type === undefined ? 'no "type" that is a string' : `the type ${JSON.stringify(type.slice(0, 100))}`;
    throw new LlmFailure(
      'invalid',
      `The frame has ${said}. Only {"type":"response.create", …} is served here, with the body of POST /v1/responses beside its type.`,
      { status: 400, param: 'type', code: 'unknown_event_type' },
    );
  }
  const streamId = frame.slice('stream_id')?.toString('latin1');
  const isNamed = streamId !== undefined && streamId !== 'null';
  const name = isNamed ? (frame.string('stream_id') ?? '') : undefined;
  if (name !== undefined && !STREAM_ID.test(name))
    throw new LlmFailure(
      'invalid',
      'The "stream_id" field must be a non-empty string with at most 256 characters and may only contain letters, numbers, underscores, hyphens, and periods.',
      { status: 400, param: 'stream_id', code: 'invalid_stream_id' },
    );
  const parts: Buffer[] = [STREAMED];
  for (const [at, key] of frame.keys.entries()) {
    const value = frame.sliceAt(at);
    if (LEFT_OUT.has(key) || frame.isVoid(at)) continue;
    // Of `generate`, only its being false means something, and no provider knows it over HTTP.
    if (key === 'generate' && value.toString('latin1') !== 'false') continue;
    parts.push(COMMA, Buffer.from(`${JSON.stringify(key)}:`), value);
  }
  return { kind: 'create', streamId: name, body: Buffer.concat([...parts, CLOSE]) };
}

/** A frame that tells of an error as OpenAI does; `headers`: those that the answer to a POST would have had. */
export function errorFrame(
  status: number,
  error: object,
  streamId: string | undefined,
  headers: Readonly<Record<string, string>> = {},
): Buffer {
  const lane = streamId === undefined ? {} : { stream_id: streamId };
  return Buffer.from(JSON.stringify({ type: 'error', status, ...lane, error, headers }));
}

/** An event's data with the lane that it is for. */
export function inLane(data: Buffer, streamId: string | undefined): Buffer {
  // A frame may still wait in the socket when the event's own memory is written to again.
  if (streamId === undefined) return Buffer.from(data);
  const open = data.indexOf(0x7b);
  const isEmpty = /^\s*\}/.test(data.toString('latin1', open + 1, open + 32));
  return Buffer.concat([
    Buffer.from(`{"stream_id":"${streamId}"${isEmpty ? '' : ','}`),
    data.subarray(open + 1),
  ]);
}
