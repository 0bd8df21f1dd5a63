import { randomUUID } from 'node:crypto';
import { Client, type ClientConfig, type Pool } from 'pg';
import { withDeadline } from '../../core/scope.ts';
import { errorChain, type Log } from '../../telemetry/log.ts';
import type { AccountEvent, AccountKind, AccountWatching } from '../account-ports.ts';

/** Between attempts to connect, in milliseconds. */
const BACKOFF_MS = { first: 250, most: 10_000 } as const;
const CONNECT_MS = 5_000;
/** How often it is tried whether news still arrive, and how long they may take, in milliseconds. */
const BEAT_MS = { every: 15_000, answer: 5_000 } as const;

const DEAF =
  'what the database notifies of does not arrive; a pooler between it and the gateway must pool sessions, not transactions';

type Listener = (event: AccountEvent) => void;

/** What a watcher needs. */
export interface AccountWatch {
  /** How it connects; the connection is its own, and made again whenever it breaks or has become deaf. */
  readonly connection: ClientConfig;
  /** Other connections to the same database. */
  readonly pool: Pool;
  readonly log: Log;
  readonly beatMs?: { readonly every: number; readonly answer: number };
}

/** Hears of every change of an account. */
export function watchAccounts(from: AccountWatch, listener: Listener): AccountWatching {
  const stopped = new AbortController();
  let ear: Client | undefined;
  const ended = watch(from, listener, stopped.signal, (client) => (ear = client));
  return {
    // Whoever committed a change has signalled those who listen before he was answered, and who listens is sent what there is before the answer to
    // whatever he asks (PostgreSQL, src/backend/commands/async.c and PostgresMain).
    heard: async () => void (await ear?.query('SELECT 1')),
    [Symbol.asyncDispose]: async () => {
      stopped.abort();
      await ended;
    },
  };
}

async function watch(
  from: AccountWatch,
  listener: Listener,
  stopped: AbortSignal,
  onEar: (client: Client | undefined) => void,
): Promise<void> {
  const { log } = from;
  let failures = 0;
  while (!stopped.aborted) {
    try {
      await hear(
        from,
        (event) => {
          if (event.kind === 'all' && failures > 0)
            log.info('changes of keys are heard again', { attempts: failures });
          failures = 0;
          listener(event);
        },
        stopped,
        onEar,
      );
    } catch (error) {
      if (stopped.aborted) return;
      if (failures++ === 0)
        log.warn('changes of keys are not heard from other processes until the database is back', {
          reason: errorChain(error),
        });
      await pause(Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** (failures - 1)), stopped);
    }
  }
}

/** One connection, until it breaks (rejects) or is not needed any more (resolves). */
async function hear(
  { connection, pool, beatMs = BEAT_MS }: AccountWatch,
  listener: Listener,
  stopped: AbortSignal,
  onEar: (client: Client | undefined) => void,
): Promise<void> {
  const client = new Client({
    ...connection,
    application_name: 'lanport keys',
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
  });
  const broken = Promise.withResolvers<void>();
  // Whatever happens before anybody waits for it.
  broken.promise.catch(() => undefined);
  client.on('error', (error) => broken.reject(error));
  client.on('end', () => broken.reject(new Error('the database closed the connection')));
  let waiting: { readonly for: string; readonly timer: NodeJS.Timeout } | undefined;
  client.on('notification', ({ payload }) => {
    if (payload !== undefined && payload === waiting?.for) {
      clearTimeout(waiting.timer);
      waiting = undefined;
    }
    const event = read(payload ?? '');
    if (event !== undefined) listener(event);
  });
  const stop = (): void => broken.resolve();
  stopped.addEventListener('abort', stop);
  let beat: NodeJS.Timeout | undefined;
  try {
    await client.connect();
    await client.query('LISTEN lanport_accounts');
    if (stopped.aborted) return;
    onEar(client);
    listener({ kind: 'all' });
    beat = setInterval(() => {
      if (waiting !== undefined) return;
      const timer = setTimeout(() => broken.reject(new Error(DEAF)), beatMs.answer).unref();
      waiting = { for: `beat ${randomUUID()}`, timer };
      pool.query(`SELECT pg_notify('lanport_accounts', $1)`, [waiting.for]).catch(broken.reject);
    }, beatMs.every).unref();
    await broken.promise;
  } finally {
    onEar(undefined);
    clearInterval(beat);
    clearTimeout(waiting?.timer);
    stopped.removeEventListener('abort', stop);
    await withDeadline(client.end(), BEAT_MS.answer, 'closing').catch(() => undefined);
  }
}

const KINDS: ReadonlySet<string> = new Set<AccountKind>(['key', 'user', 'team']);

/** `kind version id`, as the trigger writes it, or `all`. */
function read(payload: string): AccountEvent | undefined {
  if (payload === 'all') return { kind: 'all' };
  const match = /^(\w+) (\d+) (.+)$/s.exec(payload);
  if (match === null || !KINDS.has(match[1]!)) return undefined;
  return { kind: match[1] as AccountKind, version: Number(match[2]), id: match[3]! };
}

function pause(ms: number, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      stopped.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms).unref();
    stopped.addEventListener('abort', done);
    if (stopped.aborted) done();
  });
}
