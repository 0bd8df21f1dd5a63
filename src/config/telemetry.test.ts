import { expect, test } from 'vitest';
import { diffConfig, needsRestart } from './diff.ts';
import { loadConfig } from './load.ts';
import { type ConfigError, formatProblem } from './problem.ts';

function load(text: string, env: Readonly<Record<string, string>> = {}) {
  return loadConfig({ file: 'c.yaml', env, readFile: () => Promise.resolve(Buffer.from(text)) });
}

async function errorsOf(text: string): Promise<string> {
  const error = (await load(text).catch((thrown: unknown) => thrown)) as ConfigError;
  return error.problems.map(formatProblem).join('\n');
}

test('nothing is sent, and the metrics take a key, unless the configuration says otherwise', async () => {
  const { config } = await load('{}');
  expect(config.telemetry).toEqual({ metricsPublic: false, traces: undefined });
});

test('the standard variables of OpenTelemetry say where traces go', async () => {
  const { config } = await load('{}', {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/',
    OTEL_EXPORTER_OTLP_HEADERS: 'x-scope=a%20b, authorization = Basic%20abc ,',
    OTEL_SERVICE_NAME: 'mine',
    OTEL_TRACES_SAMPLER_ARG: '0.25',
  });
  const { traces } = config.telemetry;
  expect(traces).toMatchObject({
    url: 'http://collector:4318/v1/traces',
    serviceName: 'mine',
    sampleRatio: 0.25,
  });
  const headers = Object.entries(traces!.headers).map(([name, value]) => [name, value.reveal()]);
  expect(headers).toEqual([
    ['x-scope', 'a b'],
    ['authorization', 'Basic abc'],
  ]);
  expect(JSON.stringify(config.telemetry)).not.toContain('abc');
});

test('the address with its path wins, and the file wins over the environment', async () => {
  const { config } = await load(
    'telemetry: {otlp_endpoint: "http://a:1", otlp_traces_endpoint: "https://b/traces"}',
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1' },
  );
  expect(config.telemetry.traces).toMatchObject({ url: 'https://b/traces', sampleRatio: 1 });
});

test('what cannot be sent anywhere is refused, with what to write', async () => {
  expect(await errorsOf('telemetry: {otlp_endpoint: "collector:4317"}')).toContain('begins with http://');
  expect(await errorsOf('telemetry: {otlp_endpoint: "http://user:secret@c:4318"}')).toContain('otlp_headers');
  expect(await errorsOf('telemetry: {otlp_endpoint: "http://user:secret@c:4318"}')).not.toContain('secret');
  expect(await errorsOf('telemetry: {sample_ratio: 2}')).toContain('telemetry.sample_ratio');
  const bad = await errorsOf('telemetry: {otlp_endpoint: "http://c:1", otlp_headers: "no-value-secret"}');
  expect(bad).toContain('telemetry.otlp_headers');
  expect(bad).not.toContain('no-value-secret');
});

test('LiteLLM’s setting opens the metrics, at once; traces need a restart', async () => {
  const [before, open, traced] = await Promise.all([
    load('{}'),
    load('litellm_settings: {require_auth_for_metrics_endpoint: false}'),
    load('telemetry: {otlp_endpoint: "http://c:1"}'),
  ]);
  expect(open.config.telemetry.metricsPublic).toBe(true);
  expect(diffConfig(before.config, open.config).settings).toEqual(['general_settings.metrics_public']);
  expect(needsRestart(before.config, open.config)).toEqual([]);
  expect(needsRestart(before.config, traced.config)).toEqual(['telemetry']);
});
