import type { ProviderRequest } from './provider.ts';
import type { Received } from './sdk-turn.ts';

/** One wire format as a provider of models speaks it. */
export interface Upstream {
  readonly name: string;
  /** `litellm_params` that reach it at this address. */
  params(url: string): Readonly<Record<string, string>>;
  /** The provider's name for the model. */
  readonly model: string;
  /** The seal of the thought, or of the call, in its first answer. */
  readonly seal: string;
  /** The ids of the calls in its first answer. */
  readonly callIds: readonly [string, string];
  /** The answer that thinks, speaks and calls two tools at once, and the one after the results. */
  readonly first: Recorded;
  readonly last: Recorded;
  read(request: ProviderRequest): Received;
}

export interface Recorded {
  readonly whole: object;
  /** As bytes of `text/event-stream`. */
  readonly stream: string;
}
