import type { HttpFailure } from '../../net/http-client.ts';
import { LlmFailure } from '../conversation/llm-failure.ts';
import type { Deployment } from '../providers/deployment.ts';

/** A refusal of our own credentials is the operator's business: never a 401 to the client. */
export function withWarning(failure: LlmFailure, deployment: Deployment): LlmFailure {
  if (failure.kind !== 'auth' && failure.status !== 401) return failure;
  return new LlmFailure(
    'upstream',
    `${nameOf(deployment)} refused the gateway's own key (HTTP ${failure.status}). The operator must correct litellm_params.api_key of "${deployment.config.name}".`,
    { status: 502, code: 'upstream_auth', cause: failure },
  );
}

/** What broke below the provider's own words. `hasBegun`: after the head of its answer. */
export function fromHttp(failure: HttpFailure, deployment: Deployment, hasBegun: boolean): LlmFailure {
  const options = { status: 502, cause: failure };
  switch (failure.kind) {
    case 'connect':
      return new LlmFailure(
        'unreachable',
        `${nameOf(deployment)} could not be reached: ${failure.message}.`,
        options,
      );
    case 'timeout':
      return new LlmFailure('timeout', `${nameOf(deployment)} did not answer in time: ${failure.message}.`, {
        ...options,
        status: 504,
      });
    case 'reset':
      return new LlmFailure(
        hasBegun ? 'cut' : 'unreachable',
        `${nameOf(deployment)} broke the connection off: ${failure.message}.`,
        options,
      );
    case 'malformed':
    case 'too-large':
      return new LlmFailure(
        'upstream',
        `${nameOf(deployment)} answered something that is not HTTP as it should be: ${failure.message}.`,
        options,
      );
    case 'aborted':
      return new LlmFailure('internal', 'The gateway is shutting down.', { status: 503, cause: failure });
  }
}

/** As clients read it. */
export function nameOf({ config }: Deployment): string {
  return `The provider of model "${config.name}"`;
}
