import { peerCertificate } from '../../net/peer-certificate.ts';
import { parseTarget } from '../../net/http-client.ts';
import type { ServerConfig } from '../mcp-ports.ts';
import type { Attempt } from './attempt.ts';
import type { DiagnosisCode } from './codes.ts';
import type { Change, DiagnoseDeps } from './diagnosis.ts';
import type { Evidence } from './evidence.ts';
import { missingHeader } from './missing-header.ts';
import { rpcCause } from './rpc-cause.ts';

/** Why a server over HTTP does not work as declared. */
export interface Cause {
  readonly code: DiagnosisCode;
  /** A sentence. */
  readonly words: string;
  /** Where a redirect leads. */
  readonly location?: string | undefined;
  readonly suggestion?: readonly Change[];
}

const EXCERPT_CHARACTERS = 160;
const UNTRUSTED =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT(_LOCALLY)?|CERT_UNTRUSTED|CERT_REVOKED|CERT_REJECTED)$/;
const NO_WAY = new Set([
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ENETDOWN',
  'EHOSTDOWN',
  'EPERM',
  'EACCES',
]);
const LOOPBACK = /^(?:localhost|127\.[\d.]+|::1|0\.0\.0\.0)$/;

/** The root cause that the evidence of the declared address shows. */
export async function httpCause(
  config: ServerConfig,
  evidence: Evidence,
  attempts: readonly Attempt[],
  deps: DiagnoseDeps,
): Promise<Cause> {
  const url = config.url!;
  if (evidence.kind === 'answer') return answerCause(config, evidence, attempts);
  if (evidence.kind === 'hang')
    return {
      code: 'hang',
      words: `${authorityOf(url)} accepts the connection, but no answer came within ${deps.attemptMs / 1_000} s.`,
    };
  return failureCause(url, evidence, deps);
}

async function failureCause(
  url: string,
  { code, failure }: Extract<Evidence, { kind: 'failure' }>,
  deps: DiagnoseDeps,
): Promise<Cause> {
  const { host, port, secure, authority } = parseTarget(url);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return nameCause(host, code);
  if (code === 'ECONNREFUSED') {
    if (deps.inContainer && LOOPBACK.test(host))
      return {
        code: 'container-loopback',
        words: `Nothing listens at ${authority} here. The gateway runs inside a container, where ${host} is this container itself and not the machine around it.`,
      };
    return {
      code: 'refused',
      words: `Nothing listens at port ${port} of ${host}: the connection is refused.`,
    };
  }
  if (code !== undefined && NO_WAY.has(code))
    return { code: 'unreachable', words: `There is no way from here to ${host} (${code}).` };
  if (
    failure.kind === 'timeout' ||
    code === 'ETIMEDOUT' ||
    (failure.kind === 'connect' && code === undefined)
  )
    return {
      code: 'connect-timeout',
      words: `${authority} did not take the connection in time${secure ? ', or did not answer the TLS handshake' : ''}.`,
    };
  if (code !== undefined && secure) return tlsCause(url, code, failure.message, deps);
  if (secure) return { code: 'tls-failed', words: `${failure.message}.` };
  if ((await peerCertificate(host, port, deps.attemptMs)) !== undefined)
    return {
      code: 'tls-needed',
      words: `The port ${port} of ${host} speaks TLS, but the address begins with http://.`,
    };
  if (failure.kind === 'malformed' || failure.kind === 'too-large')
    return { code: 'not-mcp', words: `What answers at ${authority} is not HTTP: ${failure.message}.` };
  return { code: 'cut', words: `${failure.message}.` };
}

function nameCause(host: string, code: string): Cause {
  return /^[^.:]+$/.test(host)
    ? {
        code: 'container-name',
        words: `The name "${host}" does not resolve here (${code}). It looks like the name of a container or a docker compose service, which is known only inside that network.`,
      }
    : { code: 'dns-unknown', words: `The name "${host}" does not resolve here (${code}).` };
}

async function tlsCause(url: string, code: string, message: string, deps: DiagnoseDeps): Promise<Cause> {
  const { host, port } = parseTarget(url);
  const certificate = await peerCertificate(host, port, deps.attemptMs);
  if (certificate === undefined) {
    return /wrong.?version|packet.?length|http.?request|unknown.?protocol/i.test(`${code} ${message}`)
      ? {
          code: 'tls-not-spoken',
          words: `The port ${port} of ${host} does not speak TLS (${code}), but the address begins with https://.`,
        }
      : { code: 'tls-failed', words: `The TLS handshake with ${host}:${port} failed (${code}): ${message}.` };
  }
  const { subject, issuer, selfSigned, validFrom, validTo, names } = certificate;
  if (code === 'CERT_HAS_EXPIRED')
    return { code: 'tls-expired', words: `The certificate of ${host} ("${subject}") expired on ${validTo}.` };
  if (code === 'CERT_NOT_YET_VALID')
    return {
      code: 'tls-expired',
      words: `The certificate of ${host} ("${subject}") is not valid before ${validFrom}.`,
    };
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return {
      code: 'tls-name',
      words: `The certificate is for ${names.slice(0, 8).join(', ')}, not for ${host}.`,
    };
  if (UNTRUSTED.test(code))
    return {
      code: 'tls-untrusted',
      words: selfSigned
        ? `The certificate of ${host} ("${subject}") is self-signed, so nothing here vouches for it (${code}).`
        : `The certificate of ${host} ("${subject}") was signed by "${issuer}", which is not trusted here (${code}).`,
    };
  return {
    code: 'tls-failed',
    words: `The TLS handshake with ${host}:${port} failed (${code}): ${message}.`,
  };
}

function answerCause(
  config: ServerConfig,
  { status, headers, body }: Extract<Evidence, { kind: 'answer' }>,
  attempts: readonly Attempt[],
): Cause {
  const url = config.url!;
  const { host, port } = parseTarget(url);
  const location = headers['location'];
  if (status >= 300 && status < 400 && location !== undefined)
    return {
      code: 'redirect',
      words: `${url} redirects (HTTP ${status}) to ${location}.`,
      location: URL.canParse(location, url) ? new URL(location, url).href : undefined,
    };
  if (/plain HTTP request was sent to (?:an )?(?:HTTPS|TLS)|HTTP request to an HTTPS server/i.test(body))
    return {
      code: 'tls-needed',
      words: `The port ${port} of ${host} speaks TLS, but the address begins with http://.`,
    };
  if (
    status === 421 ||
    (status >= 400 && status < 404 && /invalid (?:host|origin)|host .{0,80}not allowed/i.test(body))
  )
    return {
      code: 'host-refused',
      words: `The server refuses requests for the host name ${host} (HTTP ${status}: ${excerpt(body)}).`,
    };
  if (status >= 400 && status < 500) {
    const refused = refusedCause(config, status, headers['www-authenticate'], body);
    if (refused !== undefined) return refused;
  }
  if (status === 429 || status >= 500)
    return { code: 'server-error', words: `${url} answers with HTTP ${status} (${excerpt(body)}).` };
  return (
    rpcCause(attempts) ?? { code: 'not-mcp', words: whatItIs(url, status, headers['content-type'], body) }
  );
}

function refusedCause(
  config: ServerConfig,
  status: number,
  challenge: string | undefined,
  body: string,
): Cause | undefined {
  const header = missingHeader(body, Object.keys(config.headers));
  const auth = status === 401 || status === 403 || status === 407;
  if (header !== undefined && challenge === undefined && header.toLowerCase() !== 'authorization')
    return {
      code: 'header-missing',
      words: `The server asks for the header ${header} (HTTP ${status}: ${excerpt(body)}), which the entry does not send.`,
      suggestion: [{ path: ['static_headers', header], value: `\${${variableOf(header)}}` }],
    };
  if (!auth) return undefined;
  const asked =
    challenge === undefined ? excerpt(body) : `asking for ${challenge.slice(0, EXCERPT_CHARACTERS)}`;
  if (Object.keys(config.headers).length > 0)
    return {
      code: 'auth-refused',
      words: `The server refuses what is sent as ${Object.keys(config.headers).join(', ')} (HTTP ${status}, ${asked}).`,
    };
  return {
    code: 'auth-missing',
    words: `The server asks for credentials (HTTP ${status}, ${asked}), and the entry sends none.`,
    suggestion: [
      { path: ['auth_type'], value: /^basic/i.test(challenge ?? '') ? 'basic' : 'bearer_token' },
      { path: ['auth_value'], value: `\${${variableOf(config.name)}_TOKEN}` },
    ],
  };
}

function whatItIs(url: string, status: number, type: string | undefined, body: string): string {
  if (/<(!doctype )?html/i.test(body)) {
    const title = /<title[^>]*>([^<]{1,80})/i.exec(body)?.[1]?.trim();
    return `What answers at ${url} is a web page${title === undefined ? '' : ` ("${title}")`}, with HTTP ${status}, and no MCP server.`;
  }
  const said = body.trim() === '' ? 'without a body' : `${type ?? 'of no type'}: ${excerpt(body)}`;
  return `${url} answers with HTTP ${status}, ${said}. That is not MCP.`;
}

function excerpt(body: string): string {
  const text = body.replaceAll(/<[^>]*>|\s+/g, ' ').trim();
  return text === '' ? 'without a text' : JSON.stringify(text.slice(0, EXCERPT_CHARACTERS));
}

function variableOf(name: string): string {
  return name
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/g, '_')
    .replace(/^(?=\d)/, '_');
}

function authorityOf(url: string): string {
  return parseTarget(url).authority;
}
