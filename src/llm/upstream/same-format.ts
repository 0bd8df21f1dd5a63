import { Secret } from '../../core/secret.ts';
import type { LlmCall } from '../llm-call.ts';
import type { Deployment } from '../providers/deployment.ts';
import { splice } from './splice.ts';

/** Members of a request that are for the gateway alone. */
const OURS = [
  'mock_response',
  'mock_delay',
  'mock_tool_calls',
  'mock_testing_fallbacks',
  'mock_testing_context_fallbacks',
  'mock_testing_content_policy_fallbacks',
  'mock_testing_rate_limit_error',
  'fallbacks',
  'num_retries',
  'litellm_metadata',
] as const;
/** Settings of a deployment that are no parameters of a request. */
const NO_PARAMS =
  /^(?:custom_llm_provider|.*_cost_per_.*|max_budget|budget_duration|use_.*|tags|region_name|model_info)$/;

/** The client's body for a provider that speaks the same format: another name of the model and parameters of the deployment, and else as it came. */
export function sameFormatBody({ text, route, isStream }: LlmCall, deployment: Deployment): Buffer {
  const changes = new Map<string, Buffer | undefined>();
  if (route.format !== 'gemini') changes.set('model', json(deployment.model));
  else if (text.has('model')) changes.set('model', undefined);
  for (const name of OURS) if (text.has(name)) changes.set(name, undefined);
  for (const [name, value] of Object.entries(deployment.config.params))
    if (!NO_PARAMS.test(name) && !(value instanceof Secret) && !text.has(name))
      changes.set(name, json(value));
  if (
    route.format === 'chat' &&
    route.operation === 'generate' &&
    isStream &&
    !wantsUsage(text.slice('stream_options'))
  )
    changes.set('stream_options', withUsage(text.slice('stream_options')));
  return splice(text, changes);
}

/** Whether the client asked for the chunk that tells the usage; where it did not, the gateway asks, and keeps the chunk to itself. */
export function wantsUsage(streamOptions: Buffer | undefined): boolean {
  return (
    streamOptions !== undefined &&
    (JSON.parse(streamOptions.toString('utf8')) as Options | null)?.include_usage === true
  );
}

interface Options {
  readonly include_usage?: unknown;
}

function withUsage(streamOptions: Buffer | undefined): Buffer {
  const given =
    streamOptions === undefined ? {} : (JSON.parse(streamOptions.toString('utf8')) as Options | null);
  return json({ ...given, include_usage: true });
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
