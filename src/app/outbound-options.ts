import { parseTarget, type Target } from '../net/http-client.ts';
import { EXIT, StartupError } from './startup-error.ts';

type HeaderLine = readonly [name: string, value: string];

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Headers that are made from each message or by the connection. */
const OURS =
  /^(?:mcp-.*|content-(?:type|length|encoding)|accept|host|connection|transfer-encoding|last-event-id|expect|upgrade)$/i;

/** The address given as `--url`. A bare origin means its `/mcp`. Throws StartupError. */
export function targetOf(text: string): Target {
  const refuse = (why: string): StartupError =>
    new StartupError(
      `--url ${JSON.stringify(withoutCredentials(text))} ${why}: it has the form http://HOST:4000/mcp`,
      EXIT.configuration,
    );
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) throw refuse('is no address of an MCP server');
  const url = new URL(text);
  if (url.username !== '' || url.password !== '')
    throw refuse('carries credentials; give them with --header "Authorization: …"');
  if (url.pathname === '/') url.pathname = '/mcp';
  return parseTarget(url.href);
}

/** Headers given as `Name: value`. Throws StartupError. */
export function headersOf(lines: readonly string[]): HeaderLine[] {
  return lines.map((line, at) => {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trim();
    const value = line.slice(colon + 1).trim();
    if (colon < 0 || !NAME.test(name))
      // The text is not repeated: it may be a secret without its name.
      throw new StartupError(`--header number ${at + 1} must be "Name: value"`, EXIT.configuration);
    if (!VALUE.test(value))
      throw new StartupError(
        `--header ${name} has characters that HTTP does not allow in a header`,
        EXIT.configuration,
      );
    if (OURS.test(name))
      throw new StartupError(
        `--header ${name} cannot be given: it is made from each message`,
        EXIT.configuration,
      );
    return [name, value];
  });
}

function withoutCredentials(text: string): string {
  return text.replace(/\/\/[^/@]*@/, '//…@');
}
