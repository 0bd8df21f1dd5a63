import { type ErrorCode, GatewayError } from '../core/errors.ts';
import { LlmFailure } from '../llm/llm-wire.ts';
import type { Log } from '../telemetry/log.ts';
import type { AdminExchange } from './admin-ports.ts';

/** LiteLLM's word for an error (litellm/proxy/_types.py, ProxyErrorTypes), where the status alone does not say it. */
const TYPES: Readonly<Partial<Record<ErrorCode, string>>> = {
  'auth-invalid': 'token_not_found_in_db',
  'auth-expired': 'expired_key',
  'admin-only': 'auth_error',
  'input-invalid': 'validation_error',
  'database-missing': 'no_db_connection',
};

/** Where LiteLLM answers another status than ours. */
const STATUSES: Readonly<Partial<Record<ErrorCode, number>>> = { 'account-exists': 400 };

const PARAMS: Readonly<Partial<Record<ErrorCode, string>>> = {
  'auth-invalid': 'key',
  'key-unknown': 'key',
  'user-unknown': 'user_id',
  'team-unknown': 'team_id',
};

/** Answers a failure in LiteLLM's form; `allowed` are the methods of the path. Our own code stands beside it as `lanport`. */
export function answerError(
  error: unknown,
  exchange: AdminExchange,
  allowed: readonly string[],
  log: Log,
): void {
  const failure = asGatewayError(error, exchange, log);
  const status = STATUSES[failure.code] ?? (failure.status === 200 ? 400 : failure.status);
  const { param = paramOf(failure), type, detail, ...data } = failure.data ?? {};
  const body = {
    error: {
      message: failure.message,
      type: type ?? TYPES[failure.code] ?? typeOf(status),
      param,
      code: String(status),
      lanport: failure.code,
      ...data,
    },
    detail,
  };
  exchange.send(status, headersOf(status, allowed), Buffer.from(`${JSON.stringify(body)}\n`));
}

/** What is taken already says itself which field it is. */
function paramOf({ code, facts }: GatewayError): string | null {
  if (code !== 'account-exists') return PARAMS[code] ?? null;
  const what = String(facts['what']);
  if (what.includes('alias')) return what.startsWith('team') ? 'team_alias' : 'key_alias';
  return what.startsWith('user') ? 'user_id' : what.startsWith('team') ? 'team_id' : 'key';
}

function asGatewayError(error: unknown, { requestId, method, path }: AdminExchange, log: Log): GatewayError {
  if (error instanceof GatewayError && error.code !== 'internal') {
    log.info('refused', { request: requestId, method, path, error: error.code, status: error.status });
    return error;
  }
  // A request to a model that an operation was asked about, and that is none.
  if (error instanceof LlmFailure && error.status < 500) {
    log.info('refused', { request: requestId, method, path, error: 'request-invalid', status: 400 });
    return new GatewayError('request-invalid', { reason: error.message.replace(/\.$/, '') });
  }
  const stack = error instanceof Error ? error.stack : undefined;
  log.error('a request broke', { request: requestId, path, error, stack });
  return new GatewayError('internal', { request: requestId }, { cause: error });
}

function typeOf(status: number): string {
  if (status === 401 || status === 403) return 'auth_error';
  if (status === 404) return 'not_found_error';
  return status < 500 ? 'bad_request_error' : 'internal_server_error';
}

function headersOf(status: number, allowed: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  if (status === 401) headers['www-authenticate'] = 'Bearer realm="lanport"';
  if (status === 405) headers['allow'] = allowed.join(', ');
  if (status === 503) headers['retry-after'] = '2';
  return headers;
}
