import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import type { Dialect } from './dialects.ts';
import { EVENTS, type ProviderReply } from './provider.ts';

/** What a provider does wrong, and what has to come of it where no other deployment can answer. */
export interface Fault {
  /** `undefined`: this fault is none for an answer of this kind. */
  reply(dialect: Dialect, isStream: boolean): ProviderReply | undefined;
  /** Whether it happens before anything was said, so that another deployment can answer. */
  readonly isAtStart: boolean;
  /** HTTP status of the client's answer, when nothing was said before; `undefined`: some 5xx, as the provider's dialect has it. */
  readonly status: number | undefined;
  /** Settings of the deployment beside its address. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

const PAGE = '<!DOCTYPE html><html><head><title>Sign in</title></head><body>No</body></html>';
const JSON_TYPE = { 'content-type': 'application/json' };

type Pieces = (dialect: Dialect) => Partial<ProviderReply>;

const inStream = (isAtStart: boolean, pieces: Pieces, more: Partial<Fault> = {}): Fault => ({
  reply: (dialect, isStream) => (isStream ? { headers: EVENTS, ...pieces(dialect) } : undefined),
  isAtStart,
  status: 502,
  ...more,
});

const inWhole = (pieces: Pieces, more: Partial<Fault> = {}): Fault => ({
  reply: (dialect, isStream) => (isStream ? undefined : { headers: JSON_TYPE, ...pieces(dialect) }),
  isAtStart: true,
  status: 502,
  ...more,
});

const inBoth = (
  reply: (dialect: Dialect) => ProviderReply,
  status = 502,
  more: Partial<Fault> = {},
): Fault => ({
  reply,
  isAtStart: true,
  status,
  ...more,
});

const refusal = (status: number, headers: Readonly<Record<string, string>> = {}): Fault =>
  inBoth((dialect) => ({ status, headers, body: [JSON.stringify(dialect.errorBody('no luck'))] }), status);

const textOf = ({ whole }: Dialect): string => JSON.stringify(whole);
const half = (text: string): string => text.slice(0, Math.floor(text.length / 2));
const begun = ({ stream }: Dialect): string => stream.start + stream.content;
const all = ({ stream }: Dialect): string => begun({ stream } as Dialect) + stream.rest;
const isQuick = { settings: { timeout: 0.4 } };
const isImpatient = { settings: { idle_timeout: 2 } };
/** What is sent so long after what came before is read by itself, also where the reader has much to do. Milliseconds. */
const APART_MS = 1_000;

const HUGE_TEXT = `data: {"huge":"${'x'.repeat(17 * 1024 * 1024)}`;

const CODERS = { gzip: gzipSync, br: brotliCompressSync, zstd: zstdCompressSync } as const;

function coded(coding: keyof typeof CODERS): Record<string, Fault> {
  const code = CODERS[coding];
  const headers = { 'content-encoding': coding };
  return {
    [`a damaged ${coding} stream`]: inStream(true, (dialect) => ({
      headers: { ...EVENTS, ...headers },
      body: [Buffer.concat([Buffer.from('not coded'), code(all(dialect)).subarray(9)])],
    })),
    [`a ${coding} stream that breaks off`]: inStream(true, (dialect) => ({
      headers: { ...EVENTS, ...headers },
      body: [code(all(dialect)).subarray(0, 12)],
    })),
    [`a damaged ${coding} answer`]: inWhole((dialect) => ({
      headers: { ...JSON_TYPE, ...headers },
      body: [Buffer.concat([Buffer.from('not coded'), code(textOf(dialect)).subarray(9)])],
    })),
    [`a ${coding} answer that breaks off`]: inWhole((dialect) => ({
      headers: { ...JSON_TYPE, ...headers },
      body: [code(textOf(dialect)).subarray(0, -5)],
    })),
  };
}

/** What a provider that can be reached may do. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  'status 401': inBoth(
    (dialect) => ({ status: 401, body: [JSON.stringify(dialect.errorBody('bad key'))] }),
    502,
  ),
  'status 429': refusal(429),
  'status 429 with Retry-After': refusal(429, { 'retry-after': '7' }),
  'status 500': refusal(500),
  'status 503': refusal(503),
  'status 500 with a page of HTML': inBoth(
    () => ({ status: 500, headers: { 'content-type': 'text/html' }, body: [PAGE] }),
    500,
  ),
  'status 503 with an empty body': inBoth(() => ({ status: 503 }), 503),
  'a redirect': inBoth(() => ({ status: 302, headers: { location: 'http://127.0.0.1/' } })),
  'a page of HTML with status 200': inBoth(() => ({
    headers: { 'content-type': 'text/html' },
    body: [PAGE],
  })),
  'an empty body': inBoth(() => ({ headers: {} })),
  'an empty stream': inStream(true, () => ({})),
  'a head that is cut': inBoth(() => ({ cutHead: true })),
  'a cut before the first event': inStream(true, () => ({ end: 'reset' })),
  'an end in the middle of the first event': inStream(true, ({ stream }) => ({ body: [half(stream.start)] })),
  'a cut after events without content': inStream(true, ({ stream }) => ({
    body: [stream.start],
    end: 'reset',
  })),
  'a cut in the middle of an event': inStream(false, (dialect) => ({
    body: [begun(dialect) + half(dialect.stream.content)],
    end: 'reset',
  })),
  'a connection that closes in the middle of an event': inStream(false, (dialect) => ({
    body: [begun(dialect) + half(dialect.stream.content)],
    end: 'close',
  })),
  'an end in the middle of an event': inStream(false, (dialect) => ({
    body: [begun(dialect) + half(dialect.stream.content)],
    isUnframed: true,
  })),
  'an end without the sign of completion': inStream(false, (dialect) => ({ body: [begun(dialect)] })),
  'a cut after the arguments of a tool have begun': inStream(false, ({ stream }) => ({
    body: [stream.start + stream.tool],
    end: 'reset',
  })),
  'an end after the arguments of a tool have begun': inStream(false, ({ stream }) => ({
    body: [stream.start + stream.tool],
  })),
  'silence before the first byte': inBoth(() => ({ isSilent: true }), 504, isQuick),
  'silence before the first event': inStream(true, () => ({ body: [': hold on\n\n'], end: 'stall' }), {
    status: 504,
    settings: { stream_timeout: 0.4 },
  }),
  'silence in the middle of a stream': inStream(
    false,
    (dialect) => ({ body: [begun(dialect)], end: 'stall' }),
    isImpatient,
  ),
  'silence in the middle of an answer': inWhole(
    (dialect) => ({ body: [half(textOf(dialect))], end: 'stall' }),
    {
      status: 504,
      ...isImpatient,
    },
  ),
  'a malformed first event': inStream(true, (dialect) => ({ body: [`data: {"id":\n\n${all(dialect)}`] })),
  'a malformed event': inStream(false, (dialect) => ({
    body: [begun(dialect), APART_MS, `data: oops\n\n${dialect.stream.rest}`],
  })),
  'a truncated event': inStream(false, (dialect) => ({
    body: [
      begun(dialect),
      APART_MS,
      `${dialect.stream.content.trim().slice(0, -3)}\n\n${dialect.stream.rest}`,
    ],
  })),
  'a stream of the wrong type': inStream(true, (dialect) => ({
    headers: { 'content-type': 'text/plain' },
    body: [all(dialect)],
  })),
  'a whole answer in place of a stream': inStream(true, (dialect) => ({
    headers: JSON_TYPE,
    body: [textOf(dialect)],
  })),
  'an error in the first event': inStream(true, ({ stream }) => ({ body: [stream.error] }), {
    status: undefined,
  }),
  'an error in the middle of the stream': inStream(false, (dialect) => ({
    body: [begun(dialect), APART_MS, dialect.stream.error],
  })),
  'no JSON': inWhole(() => ({ body: ['upstream connect error'] })),
  'JSON that is no answer': inWhole(() => ({ body: ['{"ok":true}'] })),
  'half an answer': inWhole((dialect) => ({ body: [half(textOf(dialect))], isUnframed: true })),
  'an answer that is cut': inWhole((dialect) => ({ body: [half(textOf(dialect))], end: 'reset' })),
  'an unknown coding': inBoth((dialect) => ({
    headers: { ...EVENTS, 'content-encoding': 'snappy' },
    body: [textOf(dialect)],
  })),
  ...coded('gzip'),
  ...coded('br'),
  ...coded('zstd'),
};

/** Faults that cost much: asked for one after the other. */
export const LARGE_FAULTS: Readonly<Record<string, Fault>> = {
  'an oversized first event': inStream(true, () => ({ body: [HUGE_TEXT] })),
  'an oversized event': inStream(false, (dialect) => ({ body: [begun(dialect), 30, HUGE_TEXT] })),
};
