import type { JsonObject as JsonText } from '../../core/json-scan.ts';
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
  // A count takes nothing that only matters to an answer.
  if (route.operation !== 'count-tokens')
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
  if (route.format === 'gemini' && route.operation !== 'generate') renameInside(text, deployment, changes);
  return splice(text, changes);
}

/** Gemini's requests that hold requests name the model in them, too. */
function renameInside(text: JsonText, { model }: Deployment, changes: Map<string, Buffer | undefined>): void {
  const name = `models/${model}`;
  const whole = text.value('generateContentRequest');
  if (isNamed(whole)) changes.set('generateContentRequest', json({ ...whole, model: name }));
  const list = text.value('requests');
  if (Array.isArray(list))
    changes.set('requests', json(list.map((one: unknown) => (isNamed(one) ? { ...one, model: name } : one))));
}

function isNamed(value: unknown): value is { readonly model: unknown } {
  return typeof value === 'object' && value !== null && 'model' in value;
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
