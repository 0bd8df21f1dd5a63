import type { JsonObject } from '../../core/json-scan.ts';
import { type TraceContext, traceLines } from '../../core/trace.ts';
import { withoutMembers } from './compose.ts';
import { META_CAPABILITIES, META_CLIENT, META_LOG_LEVEL, META_VERSION } from './era.ts';

/** What we say of ourselves to servers. */
export interface Identity {
  readonly name: string;
  readonly version: string;
}

/** Members of a client's `_meta` that hold for its own hop only. */
const HOP_META: ReadonlySet<string> = new Set([
  META_VERSION,
  META_CAPABILITIES,
  META_CLIENT,
  META_LOG_LEVEL,
  'progressToken',
]);

const isHopMeta = (key: string): boolean => HOP_META.has(key);

/** Members that say where in a trace a request is (2026-07-28, `_meta`). */
const TRACE_META: ReadonlySet<string> = new Set(['traceparent', 'tracestate', 'baggage']);
const isHopOrTraceMeta = (key: string): boolean => HOP_META.has(key) || TRACE_META.has(key);

/** How a request is worded for one server. */
export interface Wording {
  /** `_meta` members of a modern request without its braces and without capabilities, see `modernEnvelope`; `undefined` for a legacy server. */
  readonly envelope: string | undefined;
  /** JSON text of the client's capabilities; goes to modern servers only. */
  readonly capabilities: string;
  /** The log level that the client wants; goes to modern servers only. */
  readonly logLevel: string | undefined;
  /** Ours, when the client gave one of its own. */
  readonly progressToken: number | undefined;
  /** The trace that it belongs to, where its own `_meta` does not say it. */
  readonly trace?: TraceContext | undefined;
  /** Members that replace the client's, as JSON text; `undefined` removes the member. */
  readonly replace: ReadonlyMap<string, Buffer | undefined>;
}

/** The part of a modern request's `_meta` that is the same for all requests to a server. */
export function modernEnvelope(revision: string, identity: Identity): string {
  return `"${META_VERSION}":${JSON.stringify(revision)},"${META_CLIENT}":${JSON.stringify(identity)}`;
}

/**
 * A whole request for a server: the client's members byte for byte, apart from those that are replaced, and its `_meta` without what
 * belongs to the client's own hop, with ours in it.
 */
export function outboundRequest(
  id: number,
  method: string,
  params: JsonObject | undefined,
  wording: Wording,
): Buffer {
  const writer = new Writer(`{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)}`);
  const meta = metaMembers(wording);
  const kept = keptMeta(params, wording.trace !== undefined);
  const hasParams =
    wording.replace.size > 0 || meta !== '' || kept !== undefined || (params?.keys.length ?? 0) > 0;
  if (!hasParams) return writer.end('}');
  writer.text(',"params":{');
  let first = true;
  const member = (key: string, value: Buffer): void => {
    writer.text(`${first ? '' : ','}${JSON.stringify(key)}:`);
    writer.bytes(value);
    first = false;
  };
  for (const [key, value] of wording.replace) if (value !== undefined) member(key, value);
  if (params !== undefined) {
    for (let at = 0; at < params.keys.length; at++) {
      const key = params.keys[at]!;
      if (key === '_meta' || wording.replace.has(key) || params.isVoid(at)) continue;
      member(key, params.sliceAt(at));
    }
  }
  if (meta !== '' || kept !== undefined) {
    writer.text(`${first ? '' : ','}"_meta":{${meta}`);
    if (kept === undefined) writer.text('}');
    else {
      if (meta !== '') writer.text(',');
      writer.bytes(kept.subarray(1));
    }
  }
  return writer.end('}}');
}

function metaMembers(wording: Wording): string {
  const token = wording.progressToken === undefined ? '' : `"progressToken":${wording.progressToken}`;
  const trace = wording.trace === undefined ? '' : traceMembers(wording.trace);
  if (wording.envelope === undefined)
    return token === '' || trace === '' ? token + trace : `${token},${trace}`;
  const level = wording.logLevel === undefined ? '' : `,"${META_LOG_LEVEL}":"${wording.logLevel}"`;
  const rest = `${token === '' ? '' : `,${token}`}${trace === '' ? '' : `,${trace}`}`;
  return `${wording.envelope},"${META_CAPABILITIES}":${wording.capabilities}${level}${rest}`;
}

function traceMembers(trace: TraceContext): string {
  return traceLines(trace)
    .map(([name, value]) => `"${name}":${JSON.stringify(value)}`)
    .join(',');
}

/** The client's `_meta` without what holds for its hop only, and without the trace where that is said anew; `undefined` when nothing is left. */
function keptMeta(params: JsonObject | undefined, isTraced: boolean): Buffer | undefined {
  const meta = params?.child('_meta');
  if (meta === undefined) return undefined;
  const kept = withoutMembers(meta, isTraced ? isHopOrTraceMeta : isHopMeta);
  return kept.length <= 2 ? undefined : kept;
}

/** Joins text and bytes with one copy at the end. */
class Writer {
  readonly #parts: (string | Buffer)[] = [];
  #text: string;
  #bytesMax = 0;

  constructor(text: string) {
    this.#text = text;
  }

  text(text: string): void {
    this.#text += text;
  }

  bytes(bytes: Buffer): void {
    this.#take(this.#text);
    this.#text = '';
    this.#parts.push(bytes);
    this.#bytesMax += bytes.length;
  }

  end(text: string): Buffer {
    this.#take(this.#text + text);
    const message = Buffer.allocUnsafe(this.#bytesMax);
    let at = 0;
    for (const part of this.#parts)
      at += typeof part === 'string' ? message.write(part, at) : part.copy(message, at);
    return message.subarray(0, at);
  }

  #take(text: string): void {
    this.#parts.push(text);
    this.#bytesMax += text.length * UTF8_BYTES_MAX;
  }
}

/** Of one UTF-16 code unit. */
const UTF8_BYTES_MAX = 3;
