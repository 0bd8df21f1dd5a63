import { expect, test } from 'vitest';
import { parseMetrics, valueOf } from '../../test/support/prometheus.ts';
import { verifies } from '../../test/support/verifies.ts';
import type { MeasuredEnd, MeasuredStart } from './call-metrics.ts';
import { Metrics } from './metrics.ts';

const HOSTILE = ['"} 1\nup 0 ', '\\', 'a\nb', '\ud800', 'ü'.repeat(300), '# HELP x', '', '__proto__', 'le'];

function tool(server: string, originalName: string): MeasuredStart {
  return { kind: 'mcp', operation: 'tools/call', server, originalName };
}

const MODEL: MeasuredStart = {
  kind: 'llm',
  operation: 'chat/generate',
  server: undefined,
  originalName: undefined,
};

function ended(more: Partial<MeasuredEnd> = {}): MeasuredEnd {
  return {
    status: 'ok',
    totalMs: 12,
    upstreamMs: 10,
    promptTokens: undefined,
    completionTokens: undefined,
    cost: undefined,
    ...more,
  };
}

test('hostile names stay what they are in the text, and nothing else', async () => {
  verifies('telemetry:metrics-format');
  using metrics = new Metrics('1');
  for (const name of HOSTILE) {
    metrics.calls.observe(tool('s', name), ended());
    metrics.calls.observe(MODEL, ended({ deployment: name }), {
      asked: name,
      served: name,
      firstContentMs: 1,
    });
    metrics.refused(name);
  }
  const families = parseMetrics(await metrics.text());
  const labels = families.get('lanport_tool_calls_total')!.samples.map((sample) => sample.labels['tool']);
  expect(labels).toContain('"} 1\nup 0 ');
  expect(labels).toContain('ü'.repeat(128));
  expect(valueOf(families, 'lanport_tool_calls_total')).toBe(HOSTILE.length);
  expect(valueOf(families, 'litellm_proxy_total_requests_metric_total')).toBe(HOSTILE.length);
});

test('ten thousand names of tools, servers, models, deployments and methods end in a bounded number of series', async () => {
  verifies('telemetry:metrics-bounded');
  using metrics = new Metrics('1');
  const lines = async (): Promise<number> => (await metrics.text()).split('\n').length;
  const batch = (from: number, many: number): void => {
    for (let at = from; at < from + many; at++) {
      metrics.calls.observe(tool('one', `tool-${at}`), ended());
      metrics.calls.observe(tool(`server-${at}`, `tool-${at}`), ended());
      metrics.calls.observe({ ...tool('one', 'x'), operation: `method-${at}` }, ended());
      metrics.calls.observe(MODEL, ended({ deployment: `d-${at}` }), {
        asked: `m-${at}`,
        served: `m-${at}`,
        firstContentMs: 1,
      });
    }
  };
  batch(0, 10_000);
  const before = await lines();
  batch(10_000, 10_000);
  expect(await lines()).toBe(before);
  const families = parseMetrics(await metrics.text());
  const ofOne = families
    .get('lanport_tool_calls_total')!
    .samples.filter(({ labels }) => labels['server'] === 'one');
  expect(ofOne).toHaveLength(201);
  expect(valueOf(families, 'lanport_tool_calls_total', { server: 'one', tool: 'other' })).toBe(19_800);
  const operations = new Set(
    families.get('lanport_calls_total')!.samples.map(({ labels }) => labels['operation']),
  );
  expect(operations).toEqual(new Set(['chat/generate', 'other', 'tools/call']));
  expect(valueOf(families, 'lanport_calls_total')).toBe(80_000);
});

test('a histogram counts each value in the bucket that it fits', async () => {
  using metrics = new Metrics('1');
  for (const totalMs of [1, 1.1, 300_000, 400_000])
    metrics.calls.observe(tool('s', 't'), ended({ totalMs, upstreamMs: undefined }));
  const families = parseMetrics(await metrics.text());
  const bucket = (le: string): number =>
    valueOf(families, 'lanport_call_duration_seconds_bucket', { server: 's', le });
  expect([bucket('0.001'), bucket('0.0025'), bucket('120'), bucket('300'), bucket('+Inf')]).toEqual([
    1, 2, 2, 3, 4,
  ]);
  expect(valueOf(families, 'lanport_call_duration_seconds_sum', { server: 's' })).toBeCloseTo(700.0021, 6);
  expect(valueOf(families, 'lanport_upstream_duration_seconds_count')).toBe(0);
});
