import { Secret } from '../core/secret.ts';
import { isSecretName } from '../core/secret-names.ts';

const DEPTH_MAX = 12;
const LENGTH_MIN = 6;
/** Names under which values stand by names of their own: variables and headers, of which most are no secrets. */
const TABLES = new Set(['env', 'headers']);

/** The values that the configuration keeps secret, to be found wherever they turn up: whole, and the parts of them that are secrets themselves. */
export function knownSecrets(config: object): readonly string[] {
  const found = new Set<string>();
  collect(config, 0, found);
  return [...found].filter((value) => value.length >= LENGTH_MIN);
}

function collect(value: unknown, depth: number, found: Set<string>): void {
  if (value instanceof Secret) addParts(value.reveal(), found);
  else if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return;
  else
    for (const [name, member] of Object.entries(value)) {
      if (TABLES.has(name)) collectNamed(member, found);
      else collect(member, depth + 1, found);
    }
}

function collectNamed(table: unknown, found: Set<string>): void {
  if (typeof table !== 'object' || table === null) return;
  for (const [name, value] of Object.entries(table))
    if (value instanceof Secret && isSecretName(name, new Set())) addParts(value.reveal(), found);
}

/** `Bearer abc` holds `abc`, and a URL its password. */
function addParts(text: string, found: Set<string>): void {
  found.add(text);
  const scheme = /^(?:bearer|basic|token)\s+(\S+)$/i.exec(text);
  if (scheme !== null) found.add(scheme[1]!);
  if (!URL.canParse(text)) return;
  const { password } = new URL(text);
  if (password === '') return;
  found.add(password);
  found.add(decodeURIComponent(password));
}
