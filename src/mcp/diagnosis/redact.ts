import type { ServerConfig } from '../mcp-ports.ts';
import type { AsWritten } from './diagnosis.ts';

/** Shorter values are words such as `true` or `8080`, which must stay readable. */
const SECRET_CHARACTERS_MIN = 8;
/** Variables whose values are what a diagnosis is about. */
const OPEN_VARIABLES = /PATH$|^(?:HOME|LANG|TZ)$/;

/** Takes the secrets of an entry out of what servers print and answer, which often repeats them. */
export function redactorOf(config: ServerConfig, written: AsWritten): (text: string) => string {
  const env = Object.entries(config.env).flatMap(([name, value]) =>
    OPEN_VARIABLES.test(name) ? [] : [value],
  );
  const own = written.credential === undefined ? [] : [written.credential];
  const values = [...Object.values(config.headers), ...env, ...own]
    .flatMap((value) => partsOf(value.reveal()))
    .filter((value) => value.length >= SECRET_CHARACTERS_MIN)
    .sort((one, other) => other.length - one.length);
  return (text) => values.reduce((left, value) => left.replaceAll(value, '[secret]'), text);
}

/** A value, its words (`Bearer …`), and the password of an address. */
function partsOf(value: string): readonly string[] {
  const password = URL.canParse(value) ? new URL(value).password : '';
  return [value, ...value.split(' '), password, decoded(password)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
