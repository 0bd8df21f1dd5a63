import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { diagnose } from '../support/diagnosing.ts';
import { lastingPort } from '../support/ports.ts';
import { startProgram } from '../support/process.ts';
import { verifies } from '../support/verifies.ts';

const FAULTY = 'test/support/upstreams/faulty/http.ts';
const TLS = 'test/support/upstreams/faulty/tls.ts';
/** Milliseconds after which a server that says nothing is given up. */
const IMPATIENT_MS = 4_000;

describe('a server over HTTP that works', () => {
  it('is ok, with its revision and the number of its tools, and every era that was tried', async () => {
    await using upstream = await startProgram('test/support/upstreams/http-stateless.ts');
    const url = `http://127.0.0.1:${upstream.ready}/mcp`;
    const found = await diagnose({ transport: 'http', url });
    expect(found).toMatchObject({
      code: 'ok',
      verdict: 'works',
      works: { transport: 'http', url, revision: '2025-11-25', tools: 4 },
      fix: [],
      tried: [
        { transport: 'http', era: 'modern', ok: false },
        { transport: 'http', era: 'legacy', ok: true },
      ],
    });
  });

  it('of the modern era alone is found to be so', async () => {
    await using upstream = await startProgram('test/support/upstreams/http-modern.ts');
    const found = await diagnose({ transport: 'http', url: `http://127.0.0.1:${upstream.ready}/mcp` });
    expect(found).toMatchObject({ code: 'ok', works: { revision: '2026-07-28' } });
  });

  it('is to be looked at when it lists no tools', async () => {
    await using upstream = await startProgram(FAULTY, ['no-tools']);
    const found = await diagnose({ transport: 'http', url: `http://127.0.0.1:${upstream.ready}/mcp` });
    expect(found).toMatchObject({ code: 'no-tools', verdict: 'change', works: { tools: 0 }, fix: [] });
  });
});

describe('a server over HTTP that works otherwise than declared', () => {
  it('is found on the other transport', async () => {
    verifies('doctor:first-cause', 'pain:32-the-first-cause-hidden');
    await using upstream = await startProgram('test/support/upstreams/http-sse.ts');
    const url = `http://127.0.0.1:${upstream.ready}/sse`;
    const found = await diagnose({ transport: 'http', url }, { written: { transport: 'streamable_http' } });
    expect(found).toMatchObject({
      code: 'wrong-transport',
      verdict: 'change',
      works: { transport: 'sse', url },
      fix: [{ path: ['transport'], value: 'sse' }],
    });
    expect(found.words).toContain('HTTP 405');
  });

  it('needs its transport written only where the address does not say it', async () => {
    await using upstream = await startProgram('test/support/upstreams/http-sse.ts');
    const found = await diagnose({ transport: 'http', url: `http://127.0.0.1:${upstream.ready}/` });
    expect(found).toMatchObject({
      code: 'wrong-path',
      fix: [{ path: ['url'], value: `http://127.0.0.1:${upstream.ready}/sse` }],
    });
  });

  it('is found at the usual path', async () => {
    await using upstream = await startProgram(FAULTY, ['path']);
    const found = await diagnose(
      { transport: 'sse', url: `http://127.0.0.1:${upstream.ready}/api` },
      { written: { transport: 'sse' } },
    );
    expect(found).toMatchObject({
      code: 'wrong-path',
      fix: [
        { path: ['transport'], value: 'http' },
        { path: ['url'], value: `http://127.0.0.1:${upstream.ready}/mcp` },
      ],
    });
    expect(found.words).toContain('/api answers with HTTP 404');
  });

  it('is told from its declaration as stdio', async () => {
    await using upstream = await startProgram(FAULTY, ['path']);
    const url = `http://127.0.0.1:${upstream.ready}/mcp`;
    const found = await diagnose({ transport: 'http', url }, { written: { transport: 'stdio' } });
    expect(found).toMatchObject({ code: 'wrong-transport', fix: [{ path: ['transport'], value: 'http' }] });
  });

  it('is found where a redirect on the same host leads', async () => {
    await using upstream = await startProgram(FAULTY, ['redirect']);
    const found = await diagnose({ transport: 'http', url: `http://127.0.0.1:${upstream.ready}/mcp` });
    expect(found).toMatchObject({
      code: 'redirect',
      verdict: 'change',
      fix: [{ path: ['url'], value: `http://127.0.0.1:${upstream.ready}/v2/mcp` }],
    });
  });

  it('is found without TLS, or with it', async () => {
    await using plain = await startProgram(FAULTY, ['path']);
    expect(await diagnose({ transport: 'http', url: `https://127.0.0.1:${plain.ready}/mcp` })).toMatchObject({
      code: 'tls-not-spoken',
      verdict: 'change',
      fix: [{ path: ['url'], value: `http://127.0.0.1:${plain.ready}/mcp` }],
    });
    await using secure = await startProgram(TLS, ['self-signed']);
    const found = await diagnose({ transport: 'http', url: `http://127.0.0.1:${secure.ready}/mcp` });
    expect(found).toMatchObject({
      code: 'tls-needed',
      verdict: 'broken',
      suggestion: [{ path: ['url'], value: `https://127.0.0.1:${secure.ready}/mcp` }],
    });
    expect(found.words).toContain('self-signed certificate');
  });

  it('is found with the credential sent in another way', async () => {
    await using upstream = await startProgram(FAULTY, ['bearer']);
    const credential = new Secret('right-token-123456');
    const place = { transport: 'http', url: `http://127.0.0.1:${upstream.ready}/mcp` } as const;
    for (const headers of [{}, { 'X-API-Key': 'right-token-123456' }]) {
      expect(await diagnose(place, { headers, written: { credential } })).toMatchObject({
        code: 'auth-type-wrong',
        verdict: 'change',
        fix: [{ path: ['auth_type'], value: 'bearer_token' }],
      });
    }
  });
});

describe('a server over HTTP that does not work', () => {
  const broken = async (way: string, options: Parameters<typeof diagnose>[1] = {}) => {
    await using upstream = await startProgram(FAULTY, [way]);
    const found = await diagnose(
      { transport: 'http', url: `http://127.0.0.1:${upstream.ready}/mcp` },
      options,
    );
    expect(found).toMatchObject({ verdict: 'broken', works: undefined, fix: [] });
    expect(found.tried.length).toBeGreaterThan(1);
    return found;
  };

  it('asks for credentials: what was asked is said, and what to write', async () => {
    verifies('pain:32-the-first-cause-hidden');
    const found = await broken('bearer');
    expect(found).toMatchObject({
      code: 'auth-missing',
      suggestion: [
        { path: ['auth_type'], value: 'bearer_token' },
        { path: ['auth_value'], value: '${ONE_TOKEN}' },
      ],
    });
    expect(found.words).toMatch(/HTTP 401, asking for Bearer realm="tools"/);
  });

  it('refuses the credentials, which are not repeated', async () => {
    const found = await broken('bearer', { headers: { Authorization: 'Bearer wrong-token-987654' } });
    expect(found.code).toBe('auth-refused');
    expect(JSON.stringify(found)).not.toContain('wrong-token-987654');
    expect((await broken('forbidden', { headers: { 'X-API-Key': 'k' } })).words).toMatch(
      /X-API-Key \(HTTP 403, .*not for you/,
    );
  });

  it('misses a header, which is named', async () => {
    expect(await broken('header')).toMatchObject({
      code: 'header-missing',
      words: expect.stringContaining('X-Tenant-Id'),
      suggestion: [{ path: ['static_headers', 'X-Tenant-Id'], value: '${X_TENANT_ID}' }],
    });
  });

  it.each([
    ['html', 'not-mcp', 'a web page ("Grafana")'],
    ['redirect-away', 'redirect', 'HTTP 302) to http://elsewhere.invalid/mcp'],
    ['host', 'host-refused', '127.0.0.1 (HTTP 421'],
    ['unavailable', 'server-error', 'HTTP 503'],
    ['cut', 'cut', 'without a response'],
    ['revision', 'revision-unknown', '"2019-01-01"'],
    ['refusing', 'handshake-refused', 'the licence has expired'],
    ['tools-fail', 'tools-refused', 'cannot reach my database'],
  ])('in the way "%s" is %s', async (way, code, words) => {
    expect(await broken(way)).toMatchObject({ code, words: expect.stringContaining(words) });
  });

  it('hangs', async () => {
    expect(await broken('silent', { attemptMs: IMPATIENT_MS })).toMatchObject({
      code: 'hang',
      words: expect.stringContaining('accepts the connection'),
    });
  });

  it.each([
    ['self-signed', 'localhost', 'tls-untrusted', 'self-signed'],
    ['other-name', 'localhost', 'tls-untrusted', 'signed by "Lanport test authority"'],
  ])('has the certificate %s', async (certificate, host, code, words) => {
    await using upstream = await startProgram(TLS, [certificate]);
    const found = await diagnose({ transport: 'http', url: `https://${host}:${upstream.ready}/mcp` });
    expect(found).toMatchObject({ code, verdict: 'broken', words: expect.stringContaining(words) });
    expect(found.advice).toContain('NODE_EXTRA_CA_CERTS');
  });

  it('is not there: refused, here and in a container', async () => {
    const url = `http://127.0.0.1:${await lastingPort()}/mcp`;
    expect(await diagnose({ transport: 'http', url })).toMatchObject({ code: 'refused', verdict: 'broken' });
    expect(await diagnose({ transport: 'http', url }, { inContainer: true })).toMatchObject({
      code: 'container-loopback',
      words: expect.stringContaining('is this container itself'),
    });
  });

  it('has a name that does not resolve', async () => {
    expect(await diagnose({ transport: 'sse', url: 'http://tools.invalid:8686/sse' })).toMatchObject({
      code: 'dns-unknown',
      words: expect.stringContaining('"tools.invalid"'),
    });
  });

  it('has the name of a container, and is found at its published port', async () => {
    await using upstream = await startProgram(FAULTY, ['path']);
    const url = `http://no-such-compose-service:${upstream.ready}/mcp`;
    expect(await diagnose({ transport: 'http', url })).toMatchObject({
      code: 'container-name',
      verdict: 'change',
      fix: [{ path: ['url'], value: `http://127.0.0.1:${upstream.ready}/mcp` }],
    });
  });

  it('is looked for at another host or without TLS only without the credentials of its entry', async () => {
    await using upstream = await startProgram(FAULTY, ['bearer']);
    const headers = { Authorization: 'Bearer right-token-123456' };
    const found = await diagnose(
      { transport: 'http', url: `http://no-such-compose-service:${upstream.ready}/mcp` },
      { headers },
    );
    expect(found).toMatchObject({
      code: 'container-name',
      verdict: 'broken',
      suggestion: [{ path: ['url'], value: `http://127.0.0.1:${upstream.ready}/mcp` }],
    });
    expect(found.tried.at(-1)?.outcome).toContain('HTTP 401');
    expect(found.words).toContain('were not sent there');
  });

  it('cannot be reached', async () => {
    // A multicast address takes no TCP connections anywhere.
    expect(await diagnose({ transport: 'http', url: 'http://224.0.0.1:8686/mcp' })).toMatchObject({
      code: 'unreachable',
      verdict: 'broken',
    });
  });

  it('speaks no TLS that is still spoken', async () => {
    await using upstream = await startProgram(TLS, ['self-signed', 'old']);
    expect(
      await diagnose({ transport: 'http', url: `https://localhost:${upstream.ready}/mcp` }),
    ).toMatchObject({ code: 'tls-failed', verdict: 'broken', words: expect.stringContaining('handshake') });
  });

  it('takes no connection', async () => {
    await using upstream = await startProgram('test/support/upstreams/faulty/full-backlog.ts');
    const found = await diagnose(
      { transport: 'http', url: `http://127.0.0.1:${upstream.ready}/mcp` },
      { attemptMs: IMPATIENT_MS },
    );
    expect(found).toMatchObject({ code: 'connect-timeout', verdict: 'broken' });
  });

  it('is given up when nobody waits for the diagnosis any more', async () => {
    await using upstream = await startProgram(FAULTY, ['silent']);
    const stop = new AbortController();
    const diagnosis = diagnose(
      { transport: 'http', url: `http://127.0.0.1:${upstream.ready}/mcp` },
      { signal: stop.signal },
    );
    stop.abort();
    await expect(diagnosis).rejects.toThrow('aborted');
  });
});
