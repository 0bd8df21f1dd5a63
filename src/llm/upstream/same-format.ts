import type { Json } from '../conversation/parts.ts';
import type { LlmCall } from '../llm-call.ts';
import type { Deployment } from '../providers/deployment.ts';
import { ROUTING_MEMBERS } from '../router/asked-routing.ts';
import { missingMembers, refusedBy, without } from './deployment-params.ts';
import { splice } from './splice.ts';

/** Members of a request that are for the gateway alone. */
const OURS = [
  ...ROUTING_MEMBERS,
  'mock_response',
  'mock_delay',
  'mock_tool_calls',
  'litellm_metadata',
] as const;

/**
 * The client's body for a provider that speaks the same format: another name of the model and parameters of the deployment, and else as it came.
 * `refused`: members to leave out.
 */
export function sameFormatBody(
  { text, route, isStream }: LlmCall,
  deployment: Deployment,
  refused: ReadonlySet<string>,
): Buffer {
  const changes = new Map<string, Buffer | undefined>();
  if (route.operation === 'generate')
    for (const [name, value] of missingMembers(text, deployment, route.format))
      changes.set(name, json(value));
  if (route.format !== 'gemini') changes.set('model', json(deployment.model));
  else if (text.has('model')) changes.set('model', undefined);
  for (const name of OURS) if (text.has(name)) changes.set(name, undefined);
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
      const value = without(JSON.parse(String(changes.get(outer) ?? text.slice(outer))) as Json, inner);
      changes.set(outer, json(value));
    }
  }
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
