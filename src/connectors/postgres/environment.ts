import { createHash } from 'node:crypto';
import { Secret } from '../../core/secret.ts';
import { readSafety, type SafetyOptions } from './safety.ts';
import type { NamedDatabase, PostgresConnectorOptions } from './connector.ts';

/** What the environment of a connector says, besides where its databases are: of a process, or of `mcp_servers.<name>.env`. */
export interface EnvironmentOptions
  extends Required<
    Pick<
      PostgresConnectorOptions,
      'allowWrite' | 'allowDefinitions' | 'allowFunctions' | 'rolePolicy' | 'toolsets'
    >
  > {
  readonly serverName: string | undefined;
  readonly cursorSecrets: PostgresConnectorOptions['cursorSecrets'];
  readonly safety: SafetyOptions;
  /** Log what happens in detail. */
  readonly debug: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads MCP_ALLOW_WRITE and MCP_ALLOW_DDL (false), MCP_CURSOR_SECRET, MCP_ALLOW_FUNCTIONS and MCP_TOOLSETS (with commas between), MCP_ROLE_POLICY (warn), MCP_SERVER_NAME and
 * MCP_DEBUG (false), and what readSafety reads. An empty value counts as absent. Throws one sentence that names the variable.
 */
export function readEnvironment(env: Environment): EnvironmentOptions {
  const rolePolicy = env['MCP_ROLE_POLICY'] || 'warn';
  if (rolePolicy !== 'warn' && rolePolicy !== 'enforce') {
    throw new Error(`MCP_ROLE_POLICY is ${JSON.stringify(rolePolicy)}: use warn or enforce`);
  }
  return {
    allowWrite: isTrue('MCP_ALLOW_WRITE', env),
    allowDefinitions: isTrue('MCP_ALLOW_DDL', env),
    cursorSecrets: cursorSecretsOf(env['MCP_CURSOR_SECRET']),
    allowFunctions: listOf(env['MCP_ALLOW_FUNCTIONS']),
    toolsets: listOf(env['MCP_TOOLSETS']),
    rolePolicy,
    safety: readSafety(env),
    serverName: env['MCP_SERVER_NAME'] || undefined,
    debug: isTrue('MCP_DEBUG', env),
  };
}

const SECRET_CHARACTERS_MIN = 32;

/** The key is made of the text: it may be of any form. */
function cursorSecretsOf(text: string | undefined): PostgresConnectorOptions['cursorSecrets'] {
  if (text === undefined || text === '') return undefined;
  if (text.length < SECRET_CHARACTERS_MIN)
    throw new Error(
      `MCP_CURSOR_SECRET is too short: give at least ${SECRET_CHARACTERS_MIN} random characters (openssl rand -base64 32)`,
    );
  const secrets = [createHash('sha256').update(text).digest()];
  return () => secrets;
}

/** Values with commas between them, trimmed; empty ones are left out. */
export function listOf(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

const NAME = /^[A-Za-z][\w-]{0,39}$/;
/** `name=url` after `name=url`, with commas or blanks between; a URL may hold commas itself. */
const BETWEEN = /[\s,]+(?=[A-Za-z][\w-]*=postgres)/;
const FORM = 'write name=postgresql://…, with commas between several';

/** Where the databases are, as it was written. */
export interface DatabaseSources {
  /** DATABASE_URI, or what stands for it. */
  readonly url: string | undefined;
  /** Further ones, each `name=url`. */
  readonly named: readonly string[];
  readonly env: Environment;
}

/**
 * The databases: `url` (called `main`), `named`, MCP_DATABASES, and for those that write MCP_WRITE_DATABASE_URI (of the first) and
 * MCP_WRITE_DATABASES. Empty when none is given. Throws one sentence that says which one cannot be read, without its password.
 */
export function readDatabases({ url, named, env }: DatabaseSources): readonly NamedDatabase[] {
  const found = new Map<string, string>();
  if (url !== undefined) found.set('main', url);
  for (const text of [...named, ...pairsOf(env['MCP_DATABASES'])])
    add(found, text, 'MCP_DATABASES or --database');
  const writing = new Map<string, string>();
  for (const text of pairsOf(env['MCP_WRITE_DATABASES'])) add(writing, text, 'MCP_WRITE_DATABASES');
  const [first] = found.keys();
  if (first !== undefined && env['MCP_WRITE_DATABASE_URI']) writing.set(first, env['MCP_WRITE_DATABASE_URI']);
  const stray = [...writing.keys()].find((name) => !found.has(name));
  if (stray !== undefined)
    throw new Error(`MCP_WRITE_DATABASES names ${stray}, which is none of: ${[...found.keys()].join(', ')}`);
  return [...found].map(([name, text]) => {
    const write = writing.get(name);
    return {
      name,
      connection: { url: new Secret(text) },
      writeConnection: write === undefined ? undefined : { url: new Secret(write) },
    };
  });
}

function pairsOf(text: string | undefined): readonly string[] {
  return (text ?? '')
    .trim()
    .split(BETWEEN)
    .filter((part) => part !== '');
}

function add(found: Map<string, string>, text: string, where: string): void {
  const at = text.indexOf('=');
  const name = text.slice(0, Math.max(0, at));
  if (!NAME.test(name) || at === text.length - 1)
    throw new Error(`a database in ${where} cannot be read: ${FORM}; names are letters, digits, - and _`);
  if (found.has(name)) throw new Error(`${where} names database ${name} twice`);
  found.set(name, text.slice(at + 1));
}

function isTrue(name: string, env: Environment): boolean {
  const value = env[name] ?? '';
  if (/^(?:|0|false|no|off)$/i.test(value)) return false;
  if (/^(?:1|true|yes|on)$/i.test(value)) return true;
  throw new Error(`${name} is ${JSON.stringify(value)}: use true or false`);
}
