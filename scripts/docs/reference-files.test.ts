import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERRORS, type ErrorCode } from '../../src/core/errors.ts';
import { docsDrift, referenceFiles } from './reference-files.ts';

/** Codes that clients, dashboards and stored ledger rows already know: a line may be added, never changed or removed. */
const PINNED: readonly (readonly [code: string, status: number, rpc: number])[] = [
  ['auth-missing', 401, 1401],
  ['auth-invalid', 401, 1401],
  ['auth-expired', 401, 1402],
  ['auth-blocked', 401, 1403],
  ['address-forbidden', 403, 1404],
  ['origin-forbidden', 403, 1405],
  ['host-forbidden', 403, 1406],
  ['admin-only', 403, 1407],
  ['server-unknown', 404, 1410],
  ['tool-unknown', 200, -32602],
  ['tool-ambiguous', 200, -32602],
  ['route-unknown', 404, 1414],
  ['method-not-allowed', 405, 1415],
  ['body-too-large', 413, 1416],
  ['body-type', 415, 1417],
  ['body-cut', 400, 1418],
  ['json-parse', 400, -32700],
  ['rpc-invalid', 400, -32600],
  ['rpc-method', 404, -32601],
  ['rpc-params', 200, -32602],
  ['meta-missing', 400, -32602],
  ['header-mismatch', 400, -32020],
  ['version-unsupported', 400, -32022],
  ['session-missing', 400, -32000],
  ['session-unknown', 404, -32001],
  ['session-limit', 503, 1430],
  ['session-busy', 429, 1431],
  ['server-down', 200, 1440],
  ['server-auth', 200, 1441],
  ['server-busy', 200, 1442],
  ['server-protocol', 200, 1443],
  ['call-timeout', 200, 1444],
  ['call-lost', 200, 1445],
  ['response-too-large', 200, 1446],
  ['ledger-unavailable', 503, 1450],
  ['shutting-down', 503, 1453],
  ['client-gone', 499, 1455],
  ['internal', 500, -32603],
];

describe('docs/reference', () => {
  it('says what the code says (npm run docs writes it)', async () => {
    expect(await docsDrift(dirname(dirname(import.meta.dirname)))).toEqual([]);
  });

  it('is out of date when a page is missing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lanport-docs-'));
    try {
      expect(await docsDrift(folder)).toEqual([...referenceFiles().keys()]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('lists every error code', () => {
    const page = referenceFiles().get('docs/reference/errors.md') ?? '';
    const listed = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map((match) => match[1]);
    expect(listed).toEqual(Object.keys(ERRORS));
  });
});

describe('error codes', () => {
  it.each(PINNED)('%s keeps its meaning', (code, status, rpc) => {
    expect(ERRORS[code as ErrorCode]).toMatchObject({ status, rpc });
  });
});
