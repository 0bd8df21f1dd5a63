import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { expect, test } from 'vitest';
import { verifies } from '../../../test/support/verifies.ts';
import { silentLog } from '../log.ts';
import { SPAN_QUEUE, SpanQueue } from './span-queue.ts';

type Done = Parameters<SpanExporter['export']>[1];

const span = (flags = 1): ReadableSpan =>
  ({ spanContext: () => ({ traceId: '', spanId: '', traceFlags: flags }) }) as ReadableSpan;

function exporter(take: (spans: readonly ReadableSpan[], done: Done) => void): SpanExporter {
  return { export: take, shutdown: () => Promise.resolve() };
}

test('what waits is bounded while the collector hangs, and the end does not wait for it', async () => {
  verifies('telemetry:trace-collector-gone');
  let asked = 0;
  const queue = new SpanQueue(
    exporter(() => asked++),
    silentLog,
    { ...SPAN_QUEUE, closeMs: 20 },
  );
  for (let at = 0; at < 10_000; at++) queue.onEnd(span());
  expect(queue.counts()).toEqual({ sent: 0, failed: 0, dropped: 10_000 - 4_096, waiting: 4_096 });
  expect(asked).toBe(1);
  await queue.shutdown();
  expect(queue.counts()).toEqual({ sent: 0, failed: 4_096, dropped: 10_000 - 4_096, waiting: 0 });
});

test('everything that waits at the end is sent, in messages of bounded size', async () => {
  const sizes: number[] = [];
  const queue = new SpanQueue(
    exporter((spans, done) => {
      sizes.push(spans.length);
      done({ code: 0 });
    }),
    silentLog,
  );
  for (let at = 0; at < 1_300; at++) queue.onEnd(span());
  await queue.shutdown();
  expect(queue.counts()).toEqual({ sent: 1_300, failed: 0, dropped: 0, waiting: 0 });
  expect(Math.max(...sizes)).toBe(128);
  queue.onEnd(span());
  expect(queue.counts().waiting).toBe(0);
});

test('a message that is not taken is tried again, and then given up', async () => {
  let asked = 0;
  const given = Promise.withResolvers<void>();
  const queue = new SpanQueue(
    exporter((_spans, done) => {
      asked++;
      done({ code: 1, error: new Error('no') });
      if (asked === 3) given.resolve();
    }),
    silentLog,
    { ...SPAN_QUEUE, delayMs: 1, closeMs: 20 },
  );
  queue.onEnd(span());
  await given.promise;
  await queue.shutdown();
  expect(asked).toBe(3);
  expect(queue.counts()).toEqual({ sent: 0, failed: 1, dropped: 0, waiting: 0 });
});

test('a span that nobody records is not sent', () => {
  const queue = new SpanQueue(
    exporter(() => undefined),
    silentLog,
  );
  queue.onEnd(span(0));
  expect(queue.counts().waiting).toBe(0);
});
