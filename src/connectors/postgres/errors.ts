/** The database works already on as much as it is given from here. Nothing was wrong with the statement. */
export class DatabaseBusy extends Error {
  override readonly name = 'DatabaseBusy';
}

/** The database cannot be reached. Nothing was wrong with the statement. */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable';
}

/** The connection was cut on purpose, with the reason. */
export class ConnectionCut extends Error {
  override readonly name = 'ConnectionCut';
}

/** The role has more rights than reading needs, and the policy is to refuse it. */
export class RoleRefused extends Error {
  override readonly name = 'RoleRefused';
}

const ADVICE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there; start the database or correct host and port',
  ENOTFOUND: 'the host name is not known; correct it',
  EAI_AGAIN: 'the host name cannot be looked up now',
  ETIMEDOUT: 'there is no answer; check address and firewall',
  EHOSTUNREACH: 'there is no way to that host',
  '28P01': 'user and password do not fit',
  '28000':
    'the server does not let this user in from here (pg_hba.conf); it may want TLS: add ?sslmode=require to the URL',
  '3D000': 'the server has no such database',
  '53300': 'the server has no connection free',
  '08P01':
    'a connection pooler may refuse start-up options; in PgBouncer set ignore_startup_parameters = options',
  '57P03': 'the server is starting up or shutting down',
};

/** Why a connection failed, in one line without any credential. A refused connection to several addresses has no message of its own. */
export function describeConnectError(error: unknown): string {
  const failures = error instanceof AggregateError ? (error.errors as readonly unknown[]) : [error];
  const messages = failures.map((failure) => (failure instanceof Error ? failure.message : String(failure)));
  const code = (failures[0] as { readonly code?: string } | undefined)?.code ?? '';
  const advice = ADVICE[code];
  if (messages.some((message) => /password must be a string/.test(message)))
    return 'the server wants a password, and the database URL has none (postgresql://user:password@host/database)';
  if (messages.some((message) => /server does not support SSL/.test(message)))
    return 'The server does not support SSL connections, which sslmode in the database URL asks for (turn TLS on at the server, or take sslmode out)';
  return `${[...new Set(messages)].join('; ')}${advice === undefined ? '' : ` (${advice})`}`;
}

/** Whether an error's code is one of PostgreSQL's: five characters, a digit among them (EPIPE is of the operating system). */
export function isSqlState(code: unknown): code is string {
  return typeof code === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(code);
}
