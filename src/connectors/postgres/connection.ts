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

const STARTUP_OPTIONS = Object.entries(STARTUP)
  .map(([name, value]) => `-c ${name}=${value}`)
  .join(' ');
const TLS_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'];
const TLS_PARAMETERS = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey'];

const UNREADABLE =
  'the database URL cannot be read; write postgresql://user:password@host:5432/database, special characters in the password as %XX';
const APPLICATION = 'lanport-postgres';
const IDLE_MS = 60_000;

/** What of the usual way is left out because this server cannot have it. */
export interface Reach {
  /** `sslmode=prefer`: whether TLS is tried. */
  readonly tls: boolean;
  /** Settings in the start-up message. */
  readonly startupSettings: boolean;
}

/**
 * What `pg` needs to reach the target with `max` sessions, each waited for at most `waitMs`. Throws one sentence when a URL is none.
 * TLS follows libpq: `require` encrypts without checking the certificate (and checks it when sslrootcert is given), `verify-ca` checks it
 * against sslrootcert, `verify-full` also its name; `prefer` takes TLS where the server has it; `disable`, `allow` and none are plain.
 */
export function poolConfig(target: ConnectionTarget, max: number, waitMs: number, reach: Reach): PoolConfig {
  const common: PoolConfig = {
    max,
    application_name: APPLICATION,
    connectionTimeoutMillis: waitMs,
    idleTimeoutMillis: IDLE_MS,
    allowExitOnIdle: true,
    keepAlive: true,
    ...(reach.startupSettings ? { options: STARTUP_OPTIONS } : {}),
  };
  if (!('url' in target)) return { ...common, ...target };
  const connectionString = normalise(target.url.reveal(), reach);
  try {
    // Reads the URL and opens nothing. Its own error would quote the password.
    void new Client({ connectionString });
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    if (code !== undefined && path !== undefined)
      throw new Error(
        `${path} cannot be read (${code}): correct sslrootcert, sslcert or sslkey in the database URL`,
        {
          cause: error,
        },
      );
    throw new Error(UNREADABLE);
  }
  return { ...common, connectionString };
}

/** Whether TLS is wanted, but not insisted on. */
export function isPreferredTls(target: ConnectionTarget): boolean {
  return 'url' in target && /[?&]sslmode=prefer(?:&|$)/.test(target.url.reveal());
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

function normalise(text: string, reach: Reach): string {
  // Python programs write the driver into the scheme: postgresql+psycopg://…
  const plain = text.trim().replace(/^(postgres(?:ql)?)\+\w+:\/\//, '$1://');
  if (!/^postgres(?:ql)?:\/\//.test(plain)) throw new Error(UNREADABLE);
  const mark = plain.indexOf('?');
  const parameters = new URLSearchParams(mark < 0 ? '' : plain.slice(mark + 1));
  const mode = parameters.get('sslmode');
  if (mode !== null && !TLS_MODES.includes(mode))
    throw new Error(`sslmode=${mode.slice(0, 40)} is not known: use ${TLS_MODES.join(', ')}`);
  if (mode === 'verify-ca' && !parameters.has('sslrootcert'))
    throw new Error('sslmode=verify-ca needs sslrootcert=/path/to/authority.pem in the database URL');
  if (mode === 'allow' || (mode === 'prefer' && !reach.tls)) {
    for (const name of TLS_PARAMETERS) parameters.delete(name);
  } else if (mode !== null) parameters.set('uselibpqcompat', 'true');
  // Would replace the options above.
  parameters.delete('options');
  const rest = parameters.toString();
  return `${mark < 0 ? plain : plain.slice(0, mark)}${rest === '' ? '' : `?${rest}`}`;
}
