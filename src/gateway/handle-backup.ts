import type { Readable } from 'node:stream';
import type { Principal } from '../auth/authenticate.ts';
import { GatewayError } from '../core/errors.ts';
import { errorChain, type Log } from '../telemetry/log.ts';
import type { Audit } from '../ledger/audit.ts';
import type { Exchange } from './exchange.ts';

export interface HandleBackupDeps {
  readonly authenticate: (exchange: Exchange) => Principal;
  /** A gzipped archive of everything that the gateway keeps; `undefined`: it runs without a database. */
  readonly archive: () => Promise<Readable | undefined>;
  readonly log: Log;
  readonly acts: Audit;
  readonly addressOf: (exchange: Exchange) => string;
}

const CLIENT_CHARACTERS_MAX = 200;

/** `GET /v1/backup`: everything that the gateway keeps as of now, for the master key. An answer that is cut off has no end, which its reader sees. */
export async function handleBackup(exchange: Exchange, deps: HandleBackupDeps): Promise<void> {
  if (exchange.method !== 'GET')
    throw new GatewayError('method-not-allowed', { method: exchange.method, path: exchange.path });
  const principal = deps.authenticate(exchange); // 401, 403
  const act = {
    id: exchange.requestId,
    operation: 'GET /v1/backup',
    keyId: principal.id,
    keyAlias: principal.alias,
    user: principal.user,
    team: principal.team,
    address: deps.addressOf(exchange),
    client: exchange.headers['user-agent']?.slice(0, CLIENT_CHARACTERS_MAX),
  };
  if (principal.kind === 'virtual') {
    const denial = new GatewayError('admin-only'); // 403
    deps.acts.note({ ...act, denied: 'master key only' }, { errorCode: denial.code });
    throw denial;
  }
  const end = await deps.acts.begin(act); // 503
  let chunks: AsyncIterator<Buffer>;
  let first: IteratorResult<Buffer>;
  try {
    const archive = await deps.archive();
    if (archive === undefined) throw new GatewayError('backup-unavailable'); // 400
    exchange.onGone(() => archive.destroy(new Error('the client went away')));
    chunks = (archive as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    // What goes wrong before there is anything can still be said.
    first = await chunks.next(); // 503
  } catch (error) {
    end({ errorCode: error instanceof GatewayError ? error.code : 'internal' });
    throw error;
  }
  const by = { by: principal.alias ?? principal.id, request: exchange.requestId };
  deps.log.info('a backup is being made', by);
  const answer = exchange.openAnswer({ 'content-type': 'application/gzip' });
  let bytes = 0;
  try {
    for (let next = first; next.done !== true; next = await chunks.next()) {
      bytes += next.value.length;
      if (!answer.write(next.value)) await drained(answer, exchange);
    }
    answer.end();
    end({ details: { bytes } });
    deps.log.info('a backup was made', { ...by, bytes });
  } catch (error) {
    answer.destroy();
    end({ errorCode: 'broken-off', details: { bytes } });
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
