/** What a metric is, for those who ask for it and for docs/reference/metrics.md. */
export interface MetricFacts {
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** What is counted or measured; of a histogram, what its buckets are of. */
  readonly unit: string;
  /** Those that a series may have; one without a value is left out of it. */
  readonly labels: readonly string[];
  readonly help: string;
}

const WHAT = ['kind', 'server', 'model'] as const;
const LITELLM = ['model', 'requested_model'] as const;
const DEPLOYMENT = ['requested_model', 'model_id'] as const;
const lag = (what: string) => ({
  type: 'gauge' as const,
  unit: 'seconds',
  labels: [],
  help: `How late the event loop was within the last 10 seconds: ${what}.`,
});

/** Every metric that is not the library's (prom-client: process_…, nodejs_…), by its name. */
export const METRICS = {
  lanport_build_info: {
    type: 'gauge',
    unit: '1',
    labels: ['version', 'node'],
    help: 'Always 1; the version is in the label.',
  },
  lanport_calls_total: {
    type: 'counter',
    unit: 'calls',
    labels: ['kind', 'server', 'model', 'operation', 'status'],
    help: 'Calls that ended, by what was called and what became of them.',
  },
  lanport_call_duration_seconds: {
    type: 'histogram',
    unit: 'seconds',
    labels: WHAT,
    help: 'From the first byte of a request to the last of its answer.',
  },
  lanport_upstream_duration_seconds: {
    type: 'histogram',
    unit: 'seconds',
    labels: WHAT,
    help: 'The part of it in which servers, providers and tools were waited for.',
  },
  lanport_overhead_seconds: {
    type: 'histogram',
    unit: 'seconds',
    labels: ['kind'],
    help: 'The rest of it: what the gateway itself took.',
  },
  lanport_tool_calls_total: {
    type: 'counter',
    unit: 'calls',
    labels: ['server', 'tool', 'status'],
    help: 'Calls of tools, by the server and its own name of the tool.',
  },
  lanport_tool_seconds_total: {
    type: 'counter',
    unit: 'seconds',
    labels: ['server', 'tool'],
    help: 'Time that calls of a tool took.',
  },
  lanport_tokens_total: {
    type: 'counter',
    unit: 'tokens',
    labels: ['model', 'type'],
    help: 'Tokens, as providers counted them, by the model that answered; type is input or output.',
  },
  lanport_cost_dollars_total: {
    type: 'counter',
    unit: 'US dollars',
    labels: ['model'],
    help: 'What calls of models cost, in US dollars.',
  },
  lanport_time_to_first_token_seconds: {
    type: 'histogram',
    unit: 'seconds',
    labels: ['model'],
    help: 'From the beginning of a request to a model to the first content of its answer.',
  },
  lanport_deployment_calls_total: {
    type: 'counter',
    unit: 'calls',
    labels: ['model', 'deployment', 'status'],
    help: 'Calls of models, by the deployment that was asked last.',
  },
  lanport_deployment_in_flight: {
    type: 'gauge',
    unit: 'requests',
    labels: ['model', 'deployment'],
    help: 'Requests under way at a deployment.',
  },
  lanport_deployment_up: {
    type: 'gauge',
    unit: '0 or 1',
    labels: ['model', 'deployment'],
    help: 'Whether a deployment can be asked: 0 while it rests.',
  },
  lanport_refused_requests_total: {
    type: 'counter',
    unit: 'requests',
    labels: ['code'],
    help: 'Requests and JSON-RPC messages that were refused before they became a call, by the code of the error, whatever the status of the answer.',
  },
  lanport_server_state: {
    type: 'gauge',
    unit: '0 or 1',
    labels: ['server', 'state'],
    help: 'States of MCP servers: 1 for the one that a server is in.',
  },
  lanport_server_in_flight: {
    type: 'gauge',
    unit: 'calls',
    labels: ['server'],
    help: 'Calls under way at a server.',
  },
  lanport_server_queue: {
    type: 'gauge',
    unit: 'calls',
    labels: ['server'],
    help: 'Calls that wait for their turn at a server.',
  },
  lanport_server_tools: {
    type: 'gauge',
    unit: 'tools',
    labels: ['server'],
    help: 'Tools that a server offers.',
  },
  lanport_server_starts_total: {
    type: 'counter',
    unit: 'starts',
    labels: ['server'],
    help: 'Starts of a server, the first one included.',
  },
  lanport_requests_in_flight: {
    type: 'gauge',
    unit: 'requests',
    labels: [],
    help: 'HTTP requests under way.',
  },
  lanport_sessions: { type: 'gauge', unit: 'sessions', labels: [], help: 'Sessions of MCP clients.' },
  lanport_streams: { type: 'gauge', unit: 'streams', labels: [], help: 'Event streams that are open.' },
  lanport_limit_refusals_total: {
    type: 'counter',
    unit: 'calls',
    labels: ['kind', 'scope'],
    help: 'Calls that a limit refused, by what it counts and whose it is.',
  },
  lanport_limits_waiting: {
    type: 'gauge',
    unit: 'requests',
    labels: [],
    help: 'Requests that wait for their turn at a limited model.',
  },
  lanport_limits_waited_total: {
    type: 'counter',
    unit: 'requests',
    labels: [],
    help: 'Requests that had to wait for their turn.',
  },
  lanport_soft_budgets_passed_total: {
    type: 'counter',
    unit: 'periods',
    labels: [],
    help: 'Budget periods in which a soft budget was passed.',
  },
  lanport_limits_shared_up: {
    type: 'gauge',
    unit: '0 or 1',
    labels: [],
    help: 'Whether limits are counted together with other processes: 0 while Redis is away. Without Redis there is none.',
  },
  lanport_ledger_calls_total: {
    type: 'counter',
    unit: 'calls',
    labels: [],
    help: 'Calls whose beginning was recorded.',
  },
  lanport_ledger_stored_records_total: {
    type: 'counter',
    unit: 'records',
    labels: [],
    help: 'Records that the store has.',
  },
  lanport_ledger_spooled_bytes: {
    type: 'gauge',
    unit: 'bytes',
    labels: [],
    help: 'Size of the records that the store does not have yet.',
  },
  lanport_ledger_open_calls: {
    type: 'gauge',
    unit: 'calls',
    labels: [],
    help: 'Calls that were recorded as begun and not as ended.',
  },
  lanport_ledger_store_failures: {
    type: 'gauge',
    unit: 'failures',
    labels: [],
    help: 'Failures of the store in a row.',
  },
  lanport_ledger_dropped_records_total: {
    type: 'counter',
    unit: 'records',
    labels: [],
    help: 'Records that the store will never have.',
  },
  lanport_ledger_refused_calls_total: {
    type: 'counter',
    unit: 'calls',
    labels: [],
    help: 'Calls that were not made, because they could not be recorded.',
  },
  lanport_store_up: { type: 'gauge', unit: '0 or 1', labels: ['store'], help: 'Whether the store answers.' },
  lanport_config_reloads_total: {
    type: 'counter',
    unit: 'reloads',
    labels: ['result'],
    help: 'Reloads of the configuration, by how they ended.',
  },
  lanport_config_last_reload_successful: {
    type: 'gauge',
    unit: '0 or 1',
    labels: [],
    help: 'Whether the configuration that is served is the newest one: 0 when a newer one was refused.',
  },
  lanport_config_loaded_timestamp_seconds: {
    type: 'gauge',
    unit: 'seconds since the Unix epoch',
    labels: [],
    help: 'When the configuration that is served was read.',
  },
  lanport_spans_total: {
    type: 'counter',
    unit: 'spans',
    labels: ['result'],
    help: 'Spans of traces, by what became of them.',
  },
  nodejs_eventloop_lag_mean_seconds: lag('mean'),
  nodejs_eventloop_lag_p50_seconds: lag('p50'),
  nodejs_eventloop_lag_p90_seconds: lag('p90'),
  nodejs_eventloop_lag_p99_seconds: lag('p99'),
  nodejs_eventloop_lag_max_seconds: lag('max'),
  litellm_requests_metric_total: {
    type: 'counter',
    unit: 'requests',
    labels: LITELLM,
    help: 'Requests to models.',
  },
  litellm_proxy_total_requests_metric_total: {
    type: 'counter',
    unit: 'requests',
    labels: LITELLM,
    help: 'Requests to models.',
  },
  litellm_proxy_failed_requests_metric_total: {
    type: 'counter',
    unit: 'requests',
    labels: LITELLM,
    help: 'Requests to models that failed.',
  },
  litellm_spend_metric_total: { type: 'counter', unit: 'US dollars', labels: LITELLM, help: 'US dollars.' },
  litellm_input_tokens_metric_total: {
    type: 'counter',
    unit: 'tokens',
    labels: LITELLM,
    help: 'Tokens of requests.',
  },
  litellm_output_tokens_metric_total: {
    type: 'counter',
    unit: 'tokens',
    labels: LITELLM,
    help: 'Tokens of answers.',
  },
  litellm_total_tokens_metric_total: {
    type: 'counter',
    unit: 'tokens',
    labels: LITELLM,
    help: 'Tokens of requests and answers.',
  },
  litellm_request_total_latency_metric: {
    type: 'histogram',
    unit: 'seconds',
    labels: LITELLM,
    help: 'Seconds of a request to a model.',
  },
  litellm_llm_api_latency_metric: {
    type: 'histogram',
    unit: 'seconds',
    labels: LITELLM,
    help: 'Seconds of it that providers took.',
  },
  litellm_llm_api_time_to_first_token_metric: {
    type: 'histogram',
    unit: 'seconds',
    labels: LITELLM,
    help: 'Seconds to the first content.',
  },
  litellm_deployment_state: {
    type: 'gauge',
    unit: 'state',
    labels: ['litellm_model_name', 'model_id', 'api_provider'],
    help: '0: healthy, 1: failed lately, 2: not asked for a while.',
  },
  litellm_deployment_total_requests_total: {
    type: 'counter',
    unit: 'requests',
    labels: DEPLOYMENT,
    help: 'Requests to a deployment.',
  },
  litellm_deployment_success_responses_total: {
    type: 'counter',
    unit: 'requests',
    labels: DEPLOYMENT,
    help: 'Those that it answered.',
  },
  litellm_deployment_failure_responses_total: {
    type: 'counter',
    unit: 'requests',
    labels: DEPLOYMENT,
    help: 'Those that it did not answer.',
  },
} as const satisfies Record<string, MetricFacts>;

type NameOf<Type extends MetricFacts['type']> = {
  [Name in keyof typeof METRICS]: (typeof METRICS)[Name]['type'] extends Type ? Name : never;
}[keyof typeof METRICS];

/** Names of what only grows. */
export type CounterName = NameOf<'counter'>;
/** Names of what goes up and down. */
export type GaugeName = NameOf<'gauge'>;
/** Names of what is spread. */
export type HistogramName = NameOf<'histogram'>;
