import type { Registry } from 'prom-client';
import type { CallMetrics } from './call-metrics.ts';
import type { CounterName, HistogramName } from './metrics/catalogue.ts';
import { addFamily, addHistogramFamily } from './metrics/family.ts';

/**
 * The same numbers under LiteLLM's names, with the labels of them that can be known without a key or a person: dashboards that were made for
 * LiteLLM find them. Its Python client writes `_total` behind the name of each counter.
 */
export function exposeLitellmNames(registry: Registry, calls: CallMetrics): void {
  const models = (): { model: string; target: ReturnType<CallMetrics['models']>[number] }[] =>
    calls.models().map((target) => ({ model: target.labels['model'] ?? '', target }));
  const counter = (
    name: CounterName,
    of: (target: ReturnType<CallMetrics['models']>[number]) => number,
  ): void =>
    addFamily(registry, name, () =>
      models().map(({ model, target }) => ({
        labels: { model, requested_model: model },
        value: of(target),
      })),
    );
  counter('litellm_requests_metric_total', (target) => sum(target.calls, () => true));
  counter('litellm_proxy_total_requests_metric_total', (target) => sum(target.calls, () => true));
  counter('litellm_proxy_failed_requests_metric_total', (target) =>
    sum(target.calls, (status) => status !== 'ok'),
  );
  counter('litellm_spend_metric_total', ({ dollars }) => dollars);
  counter('litellm_input_tokens_metric_total', ({ tokensIn }) => tokensIn);
  counter('litellm_output_tokens_metric_total', ({ tokensOut }) => tokensOut);
  counter('litellm_total_tokens_metric_total', ({ tokensIn, tokensOut }) => tokensIn + tokensOut);
  const histogram = (name: HistogramName, of: 'total' | 'upstream' | 'firstContent'): void =>
    addHistogramFamily(registry, name, () =>
      models().map(({ model, target }) => ({
        labels: { model, requested_model: model },
        histogram: target[of],
      })),
    );
  histogram('litellm_request_total_latency_metric', 'total');
  histogram('litellm_llm_api_latency_metric', 'upstream');
  histogram('litellm_llm_api_time_to_first_token_metric', 'firstContent');
  const deployments = (name: CounterName, counts: (status: string) => boolean): void =>
    addFamily(registry, name, () =>
      calls.deployments().map(({ labels: { model = '', deployment = '' }, calls: byStatus }) => ({
        labels: { requested_model: model, model_id: deployment },
        value: sumOf(byStatus, counts),
      })),
    );
  deployments('litellm_deployment_total_requests_total', () => true);
  deployments('litellm_deployment_success_responses_total', (status) => status === 'ok');
  deployments('litellm_deployment_failure_responses_total', (status) => status !== 'ok');
}

function sum(
  calls: ReadonlyMap<string, ReadonlyMap<string, number>>,
  counts: (status: string) => boolean,
): number {
  return [...calls.values()].reduce((total, byStatus) => total + sumOf(byStatus, counts), 0);
}

function sumOf(byStatus: ReadonlyMap<string, number>, counts: (status: string) => boolean): number {
  return [...byStatus].reduce((total, [status, value]) => (counts(status) ? total + value : total), 0);
}
