import { GatewayError } from '../core/errors.ts';
import { LlmFailure, writeFailure } from '../llm/llm-wire.ts';
import type { Log } from '../telemetry/log.ts';
import type { Exchange } from './exchange.ts';

const KINDS: Readonly<Record<number, ConstructorParameters<typeof LlmFailure>[0]>> = {
  400: 'invalid',
  401: 'auth',
  403: 'forbidden',
  404: 'not-found',
  405: 'invalid',
  413: 'too-large',
  415: 'invalid',
  429: 'rate-limit',
  503: 'overloaded',
};

export interface RefusalDeps {
  readonly log: Log;
  /** Hears the code of the gateway's own error with which a request was refused. */
  readonly onRefused: (code: string) => void;
}

/** Answers a request to a model that failed before its answer began, in the words of the client's format. */
export function refuse(
  error: unknown,
  format: Parameters<typeof writeFailure>[1],
  exchange: Exchange,
  { log, onRefused }: RefusalDeps,
  more?: Readonly<Record<string, string>>,
): void {
  if (error instanceof GatewayError) onRefused(error.code);
  const failure = asFailure(error, exchange, log);
  const { status, headers, body } = writeFailure(failure, format);
  log.info('refused', {
    request: exchange.requestId,
    path: exchange.path,
    error: failure.code ?? failure.kind,
    status,
  });
  exchange.send(status, { ...headers, ...more, 'x-litellm-call-id': exchange.requestId }, body);
}

function asFailure(error: unknown, exchange: Exchange, log: Log): LlmFailure {
  if (error instanceof LlmFailure) return error;
  if (error instanceof GatewayError)
    return new LlmFailure(KINDS[error.status] ?? 'internal', error.message, {
      status: error.status,
      code: error.code,
      retryAfterMs: error.status === 503 ? 2_000 : undefined,
      cause: error,
    });
  log.error('a request broke', {
    request: exchange.requestId,
    path: exchange.path,
    error,
    stack: error instanceof Error ? error.stack : undefined,
  });
  const internal = new GatewayError('internal', { request: exchange.requestId });
  return new LlmFailure('internal', internal.message, { status: 500, code: 'internal' });
}
