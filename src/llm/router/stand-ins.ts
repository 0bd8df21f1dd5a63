import type { LlmFailure } from '../conversation/llm-failure.ts';
import type { RouterConfig } from '../llm-config.ts';
import type { AskedRouting } from './asked-routing.ts';

type Lists = Readonly<Record<string, readonly string[]>>;

/**
 * The models that stand in for one that failed in this way, in order: those that the request names, else those that are configured for the name it
 * asks for or, when that is an alias, for its group.
 */
export function standInsFor(
  names: readonly string[],
  { kind }: LlmFailure,
  router: RouterConfig,
  asked: AskedRouting,
): readonly string[] {
  const listed = (lists: Lists): readonly string[] | undefined =>
    [...names, '*'].map((name) => (Object.hasOwn(lists, name) ? lists[name] : undefined)).find(Boolean);
  switch (kind) {
    case 'invalid':
    case 'too-large':
    case 'internal':
      return [];
    case 'context-length':
      return asked.contextWindowFallbacks ?? listed(router.contextWindowFallbacks) ?? [];
    case 'content-policy':
      return asked.contentPolicyFallbacks ?? listed(router.contentPolicyFallbacks) ?? [];
    default:
      return asked.fallbacks ?? [...(listed(router.fallbacks) ?? []), ...router.defaultFallbacks];
  }
}
