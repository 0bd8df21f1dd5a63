import type { RequestHandle, ResponseHead } from '../../net/http-client.ts';
import { LlmFailure } from '../conversation/llm-failure.ts';
import type { AnswerSink } from '../llm-ports.ts';
import type { LlmOutcome } from '../outcome.ts';
import { type AttemptDeps, onGone } from './attempt-deps.ts';
import { parsedBody, tooLarge } from './body.ts';
import { type ProviderCall, sendToProvider } from './provider-request.ts';

export interface WholeBody {
  readonly head: ResponseHead | undefined;
  /** A JSON object. */
  readonly body: Buffer;
  /** How long it took. */
  readonly ms: number;
}

/** A provider's answer in one piece, or why there is none. */
export function askWhole(
  call: ProviderCall,
  out: AnswerSink,
  outcome: LlmOutcome,
  deps: AttemptDeps,
): Promise<WholeBody | LlmFailure> {
  const now = (): number => deps.clock.monotonicMs();
  const bytesMax = deps.bounds.upstreamResponseBytesMax;
  const startedMs = now();
  outcome.upstream.start(startedMs);
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let head: ResponseHead | undefined;
    let handle: RequestHandle | undefined;
    let isOver = false;
    const finish = (result: WholeBody | LlmFailure): void => {
      if (isOver) return;
      isOver = true;
      outcome.upstream.stop(now());
      forget();
      resolve(result);
      if (result instanceof LlmFailure) handle?.abort();
    };
    const forget = onGone(out, finish);
    handle = sendToProvider(
      call,
      {
        onHead: (one) => {
          head = one;
        },
        onData: (chunk) => {
          bytes += chunk.length;
          chunks.push(chunk);
          if (bytes > bytesMax) finish(tooLarge(bytesMax));
        },
        onEnd: () => {
          const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
          try {
            parsedBody(body);
          } catch (error) {
            finish(error as LlmFailure);
            return;
          }
          finish({ head, body, ms: now() - startedMs });
        },
        onFailure: finish,
      },
      deps,
    );
    if (isOver) handle.abort();
  });
}
