import { chmod, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createPostgresConnector } from '../../src/connectors/postgres/connector.ts';
import { Secret } from '../../src/core/secret.ts';
import { callTool } from '../support/call-tool.ts';
import { openOwnServer, type OwnServer, postgresPrograms } from '../support/own-postgres.ts';
import { lastingPort } from '../support/ports.ts';
import { verifies } from '../support/verifies.ts';

const CERTIFICATES = join(import.meta.dirname, '../support/certificates');
const pem = (name: string): string => join(CERTIFICATES, `${name}.pem`);
const HBA = [
  'local all all trust',
  'hostssl all certified 127.0.0.1/32 trust clientcert=verify-ca',
  'hostssl all all 127.0.0.1/32 trust',
  'hostnossl all plain 127.0.0.1/32 trust',
];

/** A server with that certificate, or without TLS. */
async function serve(
  program: Parameters<typeof openOwnServer>[0],
  certificate: string | undefined,
): Promise<{ readonly server: OwnServer; readonly port: number }> {
  const port = await lastingPort();
  const server = await openOwnServer(program, {
    tcpPort: port,
    hba: HBA,
    settings:
      certificate === undefined
        ? {}
        : {
            ssl: 'on',
            ssl_cert_file: 'server.pem',
            ssl_key_file: 'server.pem',
            ssl_ca_file: 'authority.pem',
          },
    prepare: async (folder, own) => {
      if (certificate === undefined) return;
      for (const [from, to] of [
        [certificate, 'server.pem'],
        ['authority', 'authority.pem'],
      ] as const) {
        await copyFile(pem(from), join(folder, to));
        await chmod(join(folder, to), 0o600);
        own(join(folder, to));
      }
    },
  });
  await server.run('CREATE ROLE plain LOGIN; CREATE ROLE certified LOGIN');
  return { server, port };
}

/** What the connection says of itself, or the error. */
async function ask(url: string): Promise<string> {
  const connector = createPostgresConnector({
    connection: { url: new Secret(url) },
    log: { info() {}, warn() {}, error() {} },
    version: '1.0.0',
    allowWrite: false,
    allowFunctions: [],
  });
  try {
    const sql = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
    const { structured, text, isError } = await callTool(connector.server, 'execute_sql', { sql });
    return isError ? text : `tls ${String((structured['rows'] as unknown[][])[0]?.[0])}`;
  } finally {
    await connector.close();
  }
}

describe.each(postgresPrograms())('with PostgreSQL $name', (program) => {
  test('sslmode means what libpq means by it', async () => {
    verifies('postgres:tls');
    const { server, port } = await serve(program, 'self-signed');
    await using _end = server;
    const url = (user: string, parameters: string): string =>
      `postgresql://${user}@localhost:${port}/postgres${parameters}`;
    expect(await ask(url('plain', ''))).toBe('tls false');
    expect(await ask(url('plain', '?sslmode=disable'))).toBe('tls false');
    expect(await ask(url('owner', ''))).toMatch(/it may want TLS: add \?sslmode=require/);
    expect(await ask(url('owner', '?sslmode=prefer'))).toBe('tls true');
    expect(await ask(url('owner', '?sslmode=require'))).toBe('tls true');
    expect(await ask(url('owner', '?sslmode=verify-full'))).toMatch(/self-signed certificate/);
    const trusted = `sslrootcert=${pem('self-signed')}`;
    expect(await ask(url('owner', `?sslmode=verify-full&${trusted}`))).toBe('tls true');
    expect(await ask(url('owner', `?sslmode=verify-ca&${trusted}`))).toBe('tls true');
    const other = `sslrootcert=${pem('authority')}`;
    expect(await ask(url('owner', `?sslmode=verify-ca&${other}`))).toMatch(
      /cannot be reached: .*certificate/,
    );
  });

  test('a certificate with another name passes verify-ca and not verify-full; a client certificate lets in who needs one', async () => {
    const { server, port } = await serve(program, 'other-name');
    await using _end = server;
    const trusted = `sslrootcert=${pem('authority')}`;
    const url = (user: string, parameters: string): string =>
      `postgresql://${user}@localhost:${port}/postgres?${trusted}&${parameters}`;
    expect(await ask(url('owner', 'sslmode=verify-ca'))).toBe('tls true');
    expect(await ask(url('owner', 'sslmode=verify-full'))).toMatch(/does not match certificate's altnames/);
    expect(await ask(url('certified', 'sslmode=verify-ca'))).toMatch(/client certificate/);
    const own = `sslcert=${pem('other-name')}&sslkey=${pem('other-name')}`;
    expect(await ask(url('certified', `sslmode=verify-ca&${own}`))).toBe('tls true');
  });

  test('a server without TLS is used plainly by prefer, and refused by require', async () => {
    const { server, port } = await serve(program, undefined);
    await using _end = server;
    const url = `postgresql://plain@localhost:${port}/postgres`;
    expect(await ask(`${url}?sslmode=prefer`)).toBe('tls false');
    expect(await ask(`${url}?sslmode=require`)).toMatch(/does not support SSL/);
  });
});

test.each([
  ['?sslmode=sure', /sslmode=sure is not known: use disable, allow, prefer, require, verify-ca, verify-full/],
  ['?sslmode=verify-ca', /sslmode=verify-ca needs sslrootcert=/],
  [
    '?sslmode=require&sslrootcert=/nowhere/ca.pem',
    /\/nowhere\/ca\.pem cannot be read \(ENOENT\): correct sslrootcert/,
  ],
])('a TLS option that cannot work is refused at the start: %s', async (parameters, reason) => {
  await expect(ask(`postgresql://user:hunter2@localhost/db${parameters}`)).rejects.toThrow(reason);
  await expect(ask(`postgresql://user:hunter2@localhost/db${parameters}`)).rejects.not.toThrow(/hunter2/);
});
