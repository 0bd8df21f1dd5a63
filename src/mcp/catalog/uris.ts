import { createHash } from 'node:crypto';

const HASH_CHARACTERS = 8;
/** Between a server's prefix and what follows it in a URI. */
const MARK = '+';
const UI = 'ui://';
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/;

/**
 * The URI under which a server's resource is offered when its own would lead elsewhere: the server's prefix goes in front of the scheme
 * (`db+file:///notes.md`), and for `ui://` into the authority (`ui://db+panel/index.html`), since hosts know MCP Apps by that scheme.
 */
export function namespacedUri(prefix: string, uri: string): string {
  const clean = schemeText(prefix);
  if (uri.startsWith(UI)) return `${UI}${clean}${MARK}${uri.slice(UI.length)}`;
  return SCHEME.test(uri) ? `${clean}${MARK}${uri}` : `${clean}${MARK}uri:${uri}`;
}

/** What `namespacedUri` was made of, when it was made with one of these prefixes. */
export function splitUri(
  uri: string,
  prefixes: Iterable<string>,
): { readonly prefix: string; readonly uri: string } | undefined {
  const isUi = uri.startsWith(UI);
  const rest = isUi ? uri.slice(UI.length) : uri;
  let found: { prefix: string; uri: string } | undefined;
  for (const prefix of prefixes) {
    const head = `${schemeText(prefix)}${MARK}`;
    if (!rest.startsWith(head) || (found !== undefined && prefix.length <= found.prefix.length)) continue;
    const original = rest.slice(head.length);
    const whole = isUi ? `${UI}${original}` : original;
    found = { prefix, uri: !isUi && original.startsWith('uri:') ? original.slice(4) : whole };
  }
  return found;
}

/**
 * A prefix as the beginning of a scheme (RFC 3986, section 3.1): letters first, no underscore. It is another one for every prefix, or what
 * one server has would be read from another; case does not count, as it does not in prefixes.
 */
function schemeText(prefix: string): string {
  const lower = prefix.toLowerCase();
  const clean = lower.replaceAll(/[^a-z0-9-]/g, '.');
  if (/^[a-z][a-z0-9_-]*$/.test(lower)) return clean;
  const hash = createHash('sha256').update(lower).digest('hex').slice(0, HASH_CHARACTERS);
  return `${/^[a-z]/.test(clean) ? clean : `s${clean}`}.${hash}`;
}
