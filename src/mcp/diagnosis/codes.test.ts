import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DIAGNOSES } from './codes.ts';

/** Codes that scripts and people know: a line may be added, never changed or removed. */
const PINNED =
  `ok no-tools wrong-transport wrong-path redirect tls-needed tls-not-spoken tls-untrusted tls-expired tls-name tls-failed
dns-unknown container-name container-loopback refused connect-timeout unreachable hang cut auth-missing auth-refused auth-type-wrong
header-missing host-refused server-error not-mcp revision-unknown handshake-refused tools-refused command-not-found docker-not-found
docker-not-running docker-not-interactive command-not-executable cwd-missing env-missing exits stdout-noise stdout-not-protocol serves-http
connector-failed`.split(/\s+/);

it('the codes are the pinned ones', () => {
  expect(Object.keys(DIAGNOSES)).toEqual(PINNED);
});

it('every code is found by something', async () => {
  let source = '';
  for (const file of await readdir(import.meta.dirname)) {
    if (file.startsWith('codes.')) continue;
    source += await readFile(join(import.meta.dirname, file), 'utf8');
  }
  expect(source.length).toBeGreaterThan(1_000);
  expect(Object.keys(DIAGNOSES).filter((code) => !source.includes(`'${code}'`))).toEqual([]);
});
