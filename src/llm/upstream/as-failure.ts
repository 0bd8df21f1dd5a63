import { LlmFailure } from '../conversation/llm-failure.ts';
import { EventTooLargeError } from './event-tap.ts';

/** What ended the reading of an answer, as the failure that it is. A defect of our own ends the request, and not the process. */
export function asFailure(error: unknown): LlmFailure {
  if (error instanceof LlmFailure) return error;
  if (error instanceof EventTooLargeError)
    return new LlmFailure('upstream', `The provider sent an event that is too large: ${error.message}.`, {
      status: 502,
      code: 'upstream_malformed',
      cause: error,
    });
  return new LlmFailure(
    'internal',
    'The answer of the provider could not be read; the operator finds the reason in the log.',
    { status: 500, code: 'internal', cause: error },
  );
}
