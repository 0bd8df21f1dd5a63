import type { Readable } from 'node:stream';
import type { Principal } from '../auth/authenticate.ts';
import { GatewayError } from '../core/errors.ts';
import { errorChain, type Log } from '../telemetry/log.ts';
import type { Exchange } from './exchange.ts';

export interface HandleBackupDeps {
  readonly authenticate: (exchange: Exchange) => Principal;
  /** A gzipped archive of everything that the gateway keeps; `undefined`: it runs without a database. */
  readonly archive: () => Promise<Readable | undefined>;
  readonly log: Log;
}

/** `GET /v1/backup`: everything that the gateway keeps as of now, for the master key. An answer that is cut off has no end, which its reader sees. */
export async function handleBackup(exchange: Exchange, deps: HandleBackupDeps): Promise<void> {
  if (exchange.method !== 'GET')
    throw new GatewayError('method-not-allowed', { method: exchange.method, path: exchange.path });
  const principal = deps.authenticate(exchange); // 401, 403
  if (principal.kind === 'virtual') throw new GatewayError('admin-only'); // 403
  const archive = await deps.archive();
  if (archive === undefined) throw new GatewayError('backup-unavailable'); // 400
  const by = { by: principal.alias ?? principal.id, request: exchange.requestId };
  deps.log.info('a backup is being made', by);
  const answer = exchange.openAnswer({ 'content-type': 'application/gzip' });
  exchange.onGone(() => archive.destroy(new Error('the client went away')));
  let bytes = 0;
  try {
    for await (const chunk of archive as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (!answer.write(chunk)) await drained(answer, exchange);
    }
    answer.end();
    deps.log.info('a backup was made', { ...by, bytes });
  } catch (error) {
    answer.destroy();
    deps.log.error('a backup broke off', { ...by, bytes, reason: errorChain(error) });
  }
}

/** Resolves when the reader has taken what was written, or is gone. */
function drained(answer: ReturnType<Exchange['openAnswer']>, exchange: Exchange): Promise<void> {
  return new Promise((resolve) => {
    answer.onDrain(resolve);
    exchange.onGone(resolve);
  });
}
