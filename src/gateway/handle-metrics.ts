import type { Principal } from '../auth/authenticate.ts';
import { GatewayError } from '../core/errors.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Exchange } from './exchange.ts';

export interface MetricsDeps {
  readonly metrics: Metrics;
  /** `general_settings.metrics_public`. */
  readonly isPublic: () => boolean;
  readonly authenticate: (exchange: Exchange) => Principal;
  /** Whether a key was made for it. */
  readonly mayRead: (principal: Principal) => boolean;
}

/** Who has no key, or one that does not count, where none is needed. */
const NO_KEY: ReadonlySet<string> = new Set(['auth-missing', 'auth-invalid', 'auth-expired', 'auth-blocked']);

/**
 * `GET /metrics`, in the text format of Prometheus. Takes the master key or one that was made for it, unless the
 * configuration says that everybody may read it.
 */
export async function handleMetrics(exchange: Exchange, deps: MetricsDeps): Promise<void> {
  if (exchange.method !== 'GET' && exchange.method !== 'HEAD')
    throw new GatewayError('method-not-allowed', { method: exchange.method, path: exchange.path });
  admit(exchange, deps); // 401, 403
  const body = Buffer.from(await deps.metrics.text());
  exchange.send(200, { 'content-type': deps.metrics.contentType }, body);
}

function admit(exchange: Exchange, { isPublic, authenticate, mayRead }: MetricsDeps): void {
  try {
    const principal = authenticate(exchange);
    if (!isPublic() && !mayRead(principal)) throw new GatewayError('admin-only');
  } catch (error) {
    const isAdmitted = isPublic() && error instanceof GatewayError && NO_KEY.has(error.code);
    if (!isAdmitted) throw error;
  }
}
