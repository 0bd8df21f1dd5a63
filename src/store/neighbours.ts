import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { createSeal } from '../core/seal.ts';
import type { Log } from '../telemetry/log.ts';

const CHANNEL = 'lanport-words';
const CONNECT_MS = 2_000;
const RETRY_MS_MAX = 2_000;
/** Characters of one word. Redis drops a listener that 32 MiB wait for. */
const WORD_MAX = 4 * 1024 * 1024;

/** Other gateways that serve the same clients. */
interface Neighbours {
  /** Says something to all of them; `false` when that cannot be done now. */
  tell(word: string): boolean;
  /** Is told what they say; returns the way to stop. */
  hear(listener: (word: string) => void): () => void;
}

/** What is sealed: who says it, so that nobody hears himself, and the word. */
const SEPARATOR = '\n';

/**
 * Words between the gateways on one Redis or Valkey (publish and subscribe). Nothing is kept: who is away when something is said does not
 * hear it later. Sealed with `secret` (32 bytes), which only gateways of one installation have: others on that Redis neither understand a word nor say one.
 */
export function openNeighbours(url: string, secret: Uint8Array, log: Log): Neighbours & AsyncDisposable {
  const self = randomUUID();
  const seal = createSeal(() => [secret], 'lanport-words', 2 * WORD_MAX);
  const listeners = new Set<(word: string) => void>();
  const options = {
    lazyConnect: true,
    connectTimeout: CONNECT_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: (attempt: number) => Math.min(100 * attempt, RETRY_MS_MAX),
  };
  const [speaking, hearing] = [new Redis(url, options), new Redis(url, options)];
  for (const client of [speaking, hearing]) {
    // That Redis is away is logged where limits are counted through it.
    client.on('error', () => undefined);
    client.connect().catch(() => undefined);
  }
  hearing.on('ready', () => void hearing.subscribe(CHANNEL).catch(() => undefined));
  hearing.on('message', (_channel: string, sealed: string) => {
    const said = seal.open(sealed);
    if (said === undefined) return;
    const at = said.indexOf(SEPARATOR);
    if (said.slice(0, at) === self) return;
    for (const listener of listeners) listener(said.slice(at + 1));
  });
  return {
    tell: (word) => {
      if (word.length > WORD_MAX) {
        log.warn('something is too long to be told to the other gateways', {
          characters: word.length,
          max: WORD_MAX,
        });
        return false;
      }
      if (speaking.status !== 'ready') return false;
      speaking.publish(CHANNEL, seal.seal(`${self}${SEPARATOR}${word}`)).catch((error: unknown) => {
        log.debug('the other gateways could not be told something', { error });
      });
      return true;
    },
    hear: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    [Symbol.asyncDispose]: async () => {
      listeners.clear();
      for (const client of [speaking, hearing]) {
        await client.quit().catch(() => undefined);
        client.disconnect();
      }
    },
  };
}
