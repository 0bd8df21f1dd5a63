import { Client, type PoolConfig } from 'pg';
import type { Secret } from '../../core/secret.ts';

/** Where the database is: a URL, or parameters for a Unix socket. */
export type ConnectionTarget =
  | { readonly url: Secret }
  | { readonly host: string; readonly port: number; readonly user: string; readonly database: string };

/** In force from the first moment of each session, and again after DISCARD ALL. */
const STARTUP: Readonly<Record<string, string>> = {
  default_transaction_read_only: 'on',
  standard_conforming_strings: 'on',
  client_encoding: 'UTF8',
  idle_in_transaction_session_timeout: '60s',
};

const UNREADABLE =
  'the database URL cannot be read; write postgresql://user:password@host:5432/database, special characters in the password as %XX';
const APPLICATION = 'lanport-postgres';
const IDLE_MS = 60_000;

/**
 * What `pg` needs to reach the target with `max` sessions, each waited for at most `waitMs`. Throws one sentence when a URL is none.
 * TLS follows libpq: `sslmode=require` encrypts without checking the certificate, `verify-full` checks it; `prefer` and `allow` are
 * plain here.
 */
export function poolConfig(target: ConnectionTarget, max: number, waitMs: number): PoolConfig {
  const common: PoolConfig = {
    max,
    application_name: APPLICATION,
    connectionTimeoutMillis: waitMs,
    idleTimeoutMillis: IDLE_MS,
    allowExitOnIdle: true,
    keepAlive: true,
    options: Object.entries(STARTUP)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
  };
  if (!('url' in target)) return { ...common, ...target };
  const connectionString = normalise(target.url.reveal());
  try {
    // Reads the URL and opens nothing. Its own error would quote the password.
    void new Client({ connectionString });
  } catch {
    throw new Error(UNREADABLE);
  }
  return { ...common, connectionString };
}

/** Where that is, without user and password; what the URL leaves out is left out. */
export function placeOf(target: ConnectionTarget): {
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly database: string | undefined;
} {
  if (!('url' in target)) return target;
  const text = target.url.reveal();
  if (!URL.canParse(text)) return { host: undefined, port: undefined, database: undefined };
  const { hostname, port, pathname, searchParams } = new URL(text);
  const given = (value: string): string | undefined => (value === '' ? undefined : value);
  const portText = searchParams.get('port') ?? port;
  return {
    host: given(searchParams.get('host') ?? hostname),
    port: portText === '' ? undefined : Number(portText),
    database: given(pathname.slice(1)),
  };
}

function normalise(text: string): string {
  // Python programs write the driver into the scheme: postgresql+psycopg://…
  const plain = text.trim().replace(/^(postgres(?:ql)?)\+\w+:\/\//, '$1://');
  if (!/^postgres(?:ql)?:\/\//.test(plain)) throw new Error(UNREADABLE);
  const mark = plain.indexOf('?');
  const parameters = new URLSearchParams(mark < 0 ? '' : plain.slice(mark + 1));
  const mode = parameters.get('sslmode');
  if (mode === 'prefer' || mode === 'allow') parameters.delete('sslmode');
  else if (mode !== null) parameters.set('uselibpqcompat', 'true');
  // Would replace the options above.
  parameters.delete('options');
  const rest = parameters.toString();
  return `${mark < 0 ? plain : plain.slice(0, mark)}${rest === '' ? '' : `?${rest}`}`;
}
