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

const WHAT_TO_DO = 'Try again later, or use another model; the operator finds the reason in the log.';

/** What broke below the provider's own words; where the provider is, is for the operator alone. `hasBegun`: after the head of its answer. */
export function fromHttp(failure: HttpFailure, deployment: Deployment, hasBegun: boolean): LlmFailure {
  const name = nameOf(deployment);
  const options = { status: 502, cause: failure, detail: failure.message };
  switch (failure.kind) {
    case 'connect':
      return new LlmFailure('unreachable', `${name} could not be reached. ${WHAT_TO_DO}`, options);
    case 'timeout':
      return new LlmFailure(
        'timeout',
        `${name} ${hasBegun ? 'stopped in the middle of its answer' : 'did not answer in time'}. ${WHAT_TO_DO}`,
        { ...options, status: 504 },
      );
    case 'reset':
      return new LlmFailure(
        hasBegun ? 'cut' : 'unreachable',
        `${name} broke the connection off ${hasBegun ? 'in the middle of its answer' : 'without an answer'}. ${WHAT_TO_DO}`,
        options,
      );
    case 'malformed':
    case 'too-large':
      if (failure.delivered === 'no') return unsendable(deployment, failure);
      return new LlmFailure(
        'upstream',
        `${name} answered something that is not HTTP as it should be. ${WHAT_TO_DO}`,
        options,
      );
    case 'aborted':
      return new LlmFailure('internal', 'The gateway is shutting down.', { status: 503, cause: failure });
  }
}

/** For an address or a header that cannot be sent. */
export function unsendable(deployment: Deployment, cause: unknown): LlmFailure {
  return new LlmFailure(
    'internal',
    `The request to the provider of model "${deployment.config.name}" could not be made; the operator finds the reason in the log.`,
    { status: 502, code: 'upstream_config', detail: String(cause), cause },
  );
}

/** As clients read it. */
export function nameOf({ config }: Deployment): string {
  return `The provider of model "${config.name}"`;
}
