import { invalid, LlmFailure } from '../conversation/llm-failure.ts';
import type { LlmCall } from '../llm-call.ts';

/** What a request says itself of how it is routed (LiteLLM's members of the body). */
export interface AskedRouting {
  readonly retriesMax: number | undefined;
  /** In place of the configured ones. */
  readonly fallbacks: readonly string[] | undefined;
  readonly contextWindowFallbacks: readonly string[] | undefined;
  readonly contentPolicyFallbacks: readonly string[] | undefined;
  /** A failure that is to be acted out. `isFirstTry`: of the first try alone, else of all deployments. */
  readonly mock: { readonly failure: LlmFailure; readonly isFirstTry: boolean } | undefined;
}

/** Members of the body that are read here, and no provider's business. */
export const ROUTING_MEMBERS = [
  'num_retries',
  'fallbacks',
  'context_window_fallbacks',
  'content_policy_fallbacks',
  'mock_testing_fallbacks',
  'mock_testing_context_fallbacks',
  'mock_testing_content_policy_fallbacks',
  'mock_testing_rate_limit_error',
] as const;

const RETRIES_HEADER = 'x-litellm-num-retries';
const RETRIES_MAX = 20;
const FALLBACKS_MAX = 20;

/** `mayUse`: whether there is such a model for who asks. Throws LlmFailure (`invalid`, `not-found`). */
export function readRouting(call: LlmCall, mayUse: (model: string) => boolean): AskedRouting {
  return {
    retriesMax: retriesOf(call),
    fallbacks: namesOf(call, 'fallbacks', mayUse),
    contextWindowFallbacks: namesOf(call, 'context_window_fallbacks', mayUse),
    contentPolicyFallbacks: namesOf(call, 'content_policy_fallbacks', mayUse),
    mock: mockOf(call),
  };
}

function retriesOf({ text, headers }: LlmCall): number | undefined {
  const header = headers[RETRIES_HEADER];
  const value = text.value('num_retries') ?? (header === undefined ? undefined : Number(header));
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > RETRIES_MAX)
    throw invalid(`"num_retries" must be a whole number from 0 to ${RETRIES_MAX}.`, 'num_retries');
  return value;
}

/** Names, objects that name a model, or objects of lists by the name of the model that they stand in for. */
function namesOf(
  { text, model }: LlmCall,
  member: string,
  mayUse: (model: string) => boolean,
): readonly string[] | undefined {
  const value = text.value(member);
  if (value === undefined || value === null) return undefined;
  const wrong = invalid(`"${member}" must be a list of names of models.`, member);
  if (!Array.isArray(value)) throw wrong;
  const names = (value as unknown[]).flatMap((one): readonly unknown[] => {
    if (typeof one !== 'object' || one === null) return [one];
    const { model: name, ...lists } = one as Record<string, unknown>;
    if (name !== undefined) return [name];
    const list = lists[model] ?? lists['*'] ?? [];
    return Array.isArray(list) ? (list as unknown[]) : [undefined];
  });
  if (!names.every((name): name is string => typeof name === 'string' && name !== '')) throw wrong;
  if (names.length > FALLBACKS_MAX)
    throw invalid(`"${member}" must not name more than ${FALLBACKS_MAX} models.`, member);
  const unknown = names.find((name) => !mayUse(name));
  if (unknown !== undefined)
    throw new LlmFailure(
      'not-found',
      `"${member}" names "${unknown.slice(0, 200)}", and there is no such model for this key.`,
      { status: 404, param: member, code: 'model_not_found' },
    );
  return names;
}

function mockOf({ text }: LlmCall): AskedRouting['mock'] {
  const asks = (member: string): boolean => text.slice(member)?.toString('latin1') === 'true';
  const acted = (
    kind: ConstructorParameters<typeof LlmFailure>[0],
    status: number,
    member: string,
  ): LlmFailure =>
    new LlmFailure(kind, `This failure is acted out because the request says "${member}".`, {
      status,
      code: 'mock_error',
    });
  if (asks('mock_testing_fallbacks'))
    return { failure: acted('upstream', 500, 'mock_testing_fallbacks'), isFirstTry: false };
  if (asks('mock_testing_context_fallbacks'))
    return { failure: acted('context-length', 400, 'mock_testing_context_fallbacks'), isFirstTry: false };
  if (asks('mock_testing_content_policy_fallbacks'))
    return {
      failure: acted('content-policy', 400, 'mock_testing_content_policy_fallbacks'),
      isFirstTry: false,
    };
  if (asks('mock_testing_rate_limit_error'))
    return { failure: acted('rate-limit', 429, 'mock_testing_rate_limit_error'), isFirstTry: true };
  return undefined;
}
