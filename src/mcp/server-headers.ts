import { Secret } from '../core/secret.ts';
import type { ConfigPath, ConfigReport } from '../core/setting.ts';
import type { DeclaredTransport } from './mcp-ports.ts';
import type { ServerEntry } from './server-schema.ts';

/** Headers that belong to one hop and are made by the connection itself (RFC 9110 section 7.6.1). */
const HOP_HEADERS = new Set([
  'connection',
  'content-length',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * The headers of every request to a server: credentials of its URL, what `auth_type` makes of `auth_value`, then its own headers, of
 * which the last one of a name counts.
 */
export function headersOf(
  entry: ServerEntry,
  transport: DeclaredTransport,
  target: UrlWithCredentials | undefined,
  path: ConfigPath,
  report: ConfigReport,
): Readonly<Record<string, Secret>> {
  const headers = new Map<string, { name: string; value: Secret }>();
  const put = (name: string, value: Secret, at: ConfigPath): void => {
    if (HOP_HEADERS.has(name.toLowerCase()))
      report.error(at, `may not set the header ${name}: the connection makes it itself`);
    else if (/[^\t\x20-\x7e\x80-\xff]/.test(value.reveal()))
      report.error(at, 'contains characters that a header cannot carry, such as a line break');
    else if (headers.has(name.toLowerCase()))
      report.warning(at, `sets ${name} a second time; this one is sent`);
    headers.set(name.toLowerCase(), { name, value });
  };
  if (target?.authorization !== undefined) put('Authorization', target.authorization, [...path, 'url']);
  const value = entry.authentication_token ?? entry.auth_value;
  const valuePath = [
    ...path,
    entry.authentication_token === undefined ? 'auth_value' : 'authentication_token',
  ];
  const credential = value === undefined ? undefined : credentialHeader(entry.auth_type, value);
  if (credential !== undefined) put(credential.name, credential.value, valuePath);
  else if (value !== undefined) unsentCredential(entry.auth_type, path, valuePath, report);
  for (const key of ['headers', 'static_headers'] as const) {
    for (const [name, text] of Object.entries(entry[key])) put(name, text, [...path, key, name]);
  }
  if (headers.size > 0 && (transport === 'stdio' || transport === 'in-process')) {
    report.warning(
      path,
      'sets headers or credentials, which a server that is started here does not get',
      'Give them to the program under env.',
    );
  }
  return Object.fromEntries([...headers.values()].map((header) => [header.name, header.value]));
}

function unsentCredential(
  authType: ServerEntry['auth_type'],
  path: ConfigPath,
  valuePath: ConfigPath,
  report: ConfigReport,
): void {
  if (report.broken([...path, 'auth_type'])) return;
  if (authType === undefined)
    report.warning(
      valuePath,
      'is not sent, because auth_type is missing',
      'Add auth_type: bearer_token (or api_key, basic, authorization, token).',
    );
  else if (authType === 'none') report.warning(valuePath, 'is not sent, because auth_type is none');
  else
    report.warning(
      [...path, 'auth_type'],
      `is ${authType}, which Lanport does not support yet; no credential is sent`,
    );
}

/** Names of client headers that are passed on, lower case. */
export function extraHeaders(entry: ServerEntry, path: ConfigPath, report: ConfigReport): readonly string[] {
  return entry.extra_headers.map((name, at) => {
    if (HOP_HEADERS.has(name.toLowerCase()))
      report.error([...path, 'extra_headers', at], `may not pass on ${name}: it belongs to one connection`);
    return name.toLowerCase();
  });
}

/** An address, and the credentials that stood in it as an Authorization header. */
export interface UrlWithCredentials {
  readonly url: string;
  readonly authorization: Secret | undefined;
}

/** Takes `user:password@` out of an address: HTTP clients do not send it, logs would. */
export function withoutCredentials(text: string): UrlWithCredentials {
  const url = new URL(text);
  if (url.username === '' && url.password === '') return { url: text, authorization: undefined };
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = '';
  url.password = '';
  return { url: url.href, authorization: new Secret(`Basic ${base64(pair)}`) };
}

/** The header that `auth_type` makes of `auth_value`, or `undefined` when it sends none. A scheme that is already there is kept. */
export function credentialHeader(
  authType: string | undefined,
  value: Secret,
): { readonly name: string; readonly value: Secret } | undefined {
  const text = value.reveal();
  const authorization = (header: string) => ({ name: 'Authorization', value: new Secret(header) });
  switch (authType) {
    case 'api_key':
      return { name: 'X-API-Key', value };
    case 'bearer_token':
      return authorization(/^bearer /i.test(text) ? text : `Bearer ${text}`);
    case 'token':
      return authorization(/^token /i.test(text) ? text : `token ${text}`);
    case 'authorization':
      return authorization(text);
    case 'basic':
      if (/^basic /i.test(text)) return authorization(text);
      return authorization(`Basic ${isEncodedPair(text) ? text : base64(text)}`);
    default:
      return undefined;
  }
}

/** Whether `text` is already the base64 form of `user:password`, which people write as well as the pair itself. */
function isEncodedPair(text: string): boolean {
  if (text.includes(':') || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return false;
  const decoded = Buffer.from(text, 'base64').toString('utf8');
  return /^[^\p{Cc}\ufffd]*$/u.test(decoded) && decoded.includes(':') && base64(decoded) === text;
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
