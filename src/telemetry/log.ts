import type { Writable } from 'node:stream';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogFields {
  readonly [name: string]: unknown;
}

/** Fields of lines that are many, written already, and in which nobody looks for a secret: there is none. */
export class CleanFields {
  /** At least one, as JSON without braces. */
  readonly members: string;

  constructor(members: string) {
    this.members = members;
  }
}

/** Structured log: `message` is a fixed sentence, everything that varies goes into `fields`. Never bodies, never secrets. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields | CleanFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** How long a line may wait for others, in milliseconds, and how many characters may wait. */
const FLUSH_MS = 20;
const GATHERED_CHARACTERS_MAX = 64 * 1024;
/** Characters that may wait for a reader that is slow or has stopped; from then on lines are left out, and counted. Twice as many with warnings and errors. */
const UNREAD_CHARACTERS_MAX = 1024 * 1024;

const RANK: Record<LogLevel, number> = { debug: 10, info: 20, warn: 30, error: 40 };

/** A log that gathers lines for a moment, so that many calls cost one write. */
export interface BufferedLog extends Log {
  /** Writes what is gathered; before the process ends. */
  flush(): void;
  /** What is logged from now on. */
  setLevel(level: LogLevel): void;
  /** What takes secrets out of what is logged from now on, of one line of JSON at a time. */
  setRedaction(redact: (text: string) => string): void;
}

/**
 * One JSON object a line: `time` (RFC 3339), `level`, `message`, then the fields. Errors are written with their causes' messages.
 * Warnings and errors are written at once.
 */
export function createLog(
  output: Pick<Writable, 'write'>,
  firstLevel: LogLevel,
  now: () => number = Date.now,
): BufferedLog {
  let level = firstLevel;
  let redact: ((text: string) => string) | undefined;
  let gathered = '';
  let timer: NodeJS.Timeout | undefined;
  let lastMs = Number.NaN;
  let lastTime = '';
  let unread = 0;
  let leftOut = 0;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const text = gathered;
    gathered = '';
    if (text === '') return;
    unread += text.length;
    output.write(text, () => {
      unread -= text.length;
      if (leftOut === 0 || unread > 0) return;
      const lines = leftOut;
      leftOut = 0;
      write('warn', 'lines of the log were left out, because nobody read it', { lines });
    });
  };
  const membersOf = (fields: LogFields | undefined): string => {
    if (fields === undefined) return '';
    const members = JSON.stringify(fields, needsCare(fields) ? printable : undefined).slice(1, -1);
    return redact === undefined ? members : withoutSecrets(members, fields, redact);
  };
  const write = (at: LogLevel, message: string, fields: LogFields | CleanFields | undefined): void => {
    if (RANK[at] < RANK[level]) return;
    if (unread + gathered.length >= UNREAD_CHARACTERS_MAX * (RANK[at] >= RANK.warn ? 2 : 1)) {
      leftOut++;
      return;
    }
    const ms = now();
    if (ms !== lastMs) {
      lastMs = ms;
      lastTime = new Date(ms).toISOString();
    }
    timer ??= setTimeout(flush, FLUSH_MS).unref();
    const members = fields instanceof CleanFields ? fields.members : membersOf(fields);
    gathered += `{"time":"${lastTime}","level":"${at}","message":${JSON.stringify(message)}${members === '' ? '' : ','}${members}}\n`;
    if (RANK[at] >= RANK.warn || gathered.length >= GATHERED_CHARACTERS_MAX) flush();
  };
  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
    flush,
    setLevel: (next) => {
      level = next;
    },
    setRedaction: (next) => {
      redact = next;
    },
  };
}

/** A log that keeps nothing. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * The members of a line without secrets. One that ends nowhere, such as the beginning of a key in PEM, may take along what follows it in the
 * line: then each value is redacted by itself, and stays text.
 */
function withoutSecrets(members: string, fields: LogFields, redact: (text: string) => string): string {
  const clean = redact(members);
  if (clean === members || isJson(`{${clean}}`)) return clean;
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value, printable);
      return `${JSON.stringify(name)}:${JSON.stringify(redact(text))}`;
    })
    .join(',');
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Whether a field is not plain text, number or truth value; a replacer for those would cost more than the rest of the line. */
function needsCare(fields: LogFields | undefined): boolean {
  for (const key in fields) {
    const value = fields[key];
    if (typeof value === 'bigint' || (typeof value === 'object' && value !== null)) return true;
  }
  return false;
}

function printable(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Error) return errorChain(value);
  return value;
}

/** `message`, then each cause's message, joined by `: `; bounded in length and depth. */
export function errorChain(error: unknown): string {
  const parts: string[] = [];
  let current: unknown = error;
  while (current !== undefined && current !== null && parts.length < 5) {
    const text = current instanceof Error ? current.message : String(current);
    if (!parts.some((part) => part.includes(text))) parts.push(text);
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.join(': ').slice(0, 2_000);
}
