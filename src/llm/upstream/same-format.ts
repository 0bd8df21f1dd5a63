import type { JsonObject as JsonText } from '../../core/json-scan.ts';
import { parseBody } from '../conversation/json.ts';
import type { LlmCall } from '../llm-call.ts';
import type { Deployment } from '../providers/deployment.ts';
import { ROUTING_MEMBERS } from '../router/asked-routing.ts';
import { missingMembers, refusedBy, without } from './deployment-params.ts';
import { PreparedDeployment } from './prepared.ts';
import { splice } from './splice.ts';

/** Members of a request that are for the gateway alone. */
const OURS: ReadonlySet<string> = new Set([
  ...ROUTING_MEMBERS,
  'mock_response',
  'mock_delay',
  'mock_tool_calls',
  'litellm_metadata',
]);

/**
 * The client's body for a provider that speaks the same format: another name of the model and parameters of the deployment, and else as it came.
 * `refused`: members to leave out.
 */
export function sameFormatBody(
  { text, route, isStream }: LlmCall,
  deployment: Deployment,
  refused: ReadonlySet<string>,
  prepared: PreparedDeployment = new PreparedDeployment(deployment),
): Buffer {
  const changes = new Map<string, Buffer | undefined>();
  // A count takes nothing that only matters to an answer.
  if (route.operation !== 'count-tokens' && prepared.members.length > 0)
    for (const [name, value] of missingMembers(text, prepared.members, route.format))
      changes.set(name, json(value));
  if (route.format !== 'gemini') changes.set('model', prepared.model);
  else if (text.has('model')) changes.set('model', undefined);
  for (const name of text.keys) if (OURS.has(name)) changes.set(name, undefined);
  if (
    route.format === 'chat' &&
    route.operation === 'generate' &&
    isStream &&
    !wantsUsage(text.slice('stream_options'))
  )
    changes.set('stream_options', withUsage(text.slice('stream_options')));
  for (const path of refusedBy(deployment, refused)) {
    const [outer, inner] = path.split('.') as [string, string | undefined];
    if (inner === undefined) changes.set(outer, undefined);
    else if (changes.has(outer) || text.has(outer)) {
      const value = without(parseBody(String(changes.get(outer) ?? text.slice(outer))), inner);
      changes.set(outer, json(value));
    }
  }
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
