import { isIP } from 'node:net';
import { z } from 'zod';
import { Secret } from './secret.ts';

/**
 * How a folder declares its slice of the configuration: zod fields with a meaning, and the report through which it refuses values.
 * The schema is the single source of types, messages, JSON Schema and reference pages.
 */

/** What a field's schema carries beside its type (zod metadata). */
export interface SettingMeta {
  /** The meaning, for `lanport config explain`, editors and docs/reference. */
  readonly description?: string;
  /** Environment variables that give the value when the file does not; the first one set wins. */
  readonly env?: readonly string[];
  /** A LiteLLM setting that loads and has no effect. */
  readonly inert?: boolean;
  /** Loaded and typed, but without effect so far; the text completes "X is loaded, but …". */
  readonly later?: string;
  /** Never printed. */
  readonly secret?: boolean;
  /** The type in words, where the schema's own form says less: `duration`. */
  readonly words?: string;
  /** Written as a list too, each item with its own name (`mcp_servers`). */
  readonly listForm?: boolean;
}

/** Path from the root of the configuration to a value: keys and list positions. */
export type ConfigPath = readonly (string | number)[];

/** Where a domain's slice says what is wrong; positions are looked up from paths. Texts must not contain secret values. */
export interface ConfigReport {
  /** `what` completes "<path>: …" without a final period; `hint` is a sentence that says what to do. */
  error(path: ConfigPath, what: string, hint?: string): void;
  warning(path: ConfigPath, what: string, hint?: string): void;
  /** Whether this very value was already refused, so that a second complaint about its absence would be noise. */
  broken(path: ConfigPath): boolean;
  /** The path as the person wrote it, for values that were moved. */
  show(path: ConfigPath): string;
  /** File and line (1-based) of the entry at `path` and of its keys; empty when it does not come from a file. */
  source(path: ConfigPath): {
    readonly file: string;
    readonly line: number;
    readonly keyLines: Readonly<Record<string, number>>;
  };
}

/** `schema` with its meaning. */
export function setting<T extends z.ZodType>(schema: T, description: string, more: SettingMeta = {}): T {
  return schema.meta({ description, ...more });
}

/** A setting of LiteLLM that is accepted in any form and has no effect. */
export function inert(): z.ZodOptional<z.ZodUnknown> {
  return z
    .unknown()
    .optional()
    .meta({ inert: true, description: 'A LiteLLM setting that Lanport does not act on.' });
}

/** Several settings of LiteLLM without effect, by name. */
export function inertShape<const Name extends string>(
  names: readonly Name[],
): Record<Name, z.ZodOptional<z.ZodUnknown>> {
  return Object.fromEntries(names.map((name) => [name, inert()])) as Record<
    Name,
    z.ZodOptional<z.ZodUnknown>
  >;
}

/** Text that is never printed. */
export function secretText() {
  return z
    .string()
    .min(1, 'must not be empty')
    .transform((value) => new Secret(value))
    .meta({ secret: true, words: 'secret text' });
}

/** Text, number or true/false, kept as text that is never printed: values of environment variables and headers. */
export function secretScalar() {
  return z
    .union([z.string(), z.number(), z.boolean()], { error: 'must be text' })
    .transform((value) => new Secret(String(value)))
    .meta({ secret: true, words: 'secret text' });
}

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  sec: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
  mo: 30 * 86_400_000,
};
/** Longer durations do not fit into a timer. */
const DURATION_MS_MAX = 10 * 365 * 86_400_000;

/** A duration, in milliseconds once parsed. A bare number counts in `unit`; text may carry one: `"30s"`, `"5m"`, `"30d"`, `"1mo"`. */
export function duration(unit: 's' | 'ms') {
  return boundedDuration(unit, 0);
}

/** The length of a budget period, in milliseconds once parsed: a second at least, for a period that ends as it begins is no limit. */
export function budgetDuration() {
  return boundedDuration('s', 1_000);
}

function boundedDuration(unit: 's' | 'ms', msMin: number) {
  const bare = unit === 's' ? 'seconds' : 'milliseconds';
  const message = `must be a duration: a number of ${bare}, or text such as "30s", "5m" or "2h"`;
  return z
    .union([z.number(), z.string()], { error: message })
    .transform((value, context) => {
      const ms = readDuration(value, unit);
      if (ms !== undefined && ms >= msMin && ms <= DURATION_MS_MAX) return ms;
      const bound = ms !== undefined && ms < msMin ? 'one second at least' : '10 years (3650d) at most';
      context.addIssue({ code: 'custom', message: ms === undefined ? message : `must be ${bound}` });
      return z.NEVER;
    })
    .meta({ words: `duration (${unit})` });
}

function readDuration(value: string | number, unit: 's' | 'ms'): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)?\s*$/i.exec(String(value));
  const factor = DURATION_UNITS[match?.[2]?.toLowerCase() ?? unit];
  return match === null || factor === undefined ? undefined : Math.round(Number(match[1]) * factor);
}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1_000,
  mb: 1_000_000,
  gb: 1_000_000_000,
  kib: 1_024,
  mib: 1_024 ** 2,
  gib: 1_024 ** 3,
};

/** A number of bytes, once parsed. Text may carry a unit: `"32MiB"`, `"1GiB"`, `"500kB"`. */
export function byteSize() {
  const message = 'must be a size: a number of bytes, or text such as "32MiB" or "1GiB"';
  return z
    .union([z.number(), z.string()], { error: message })
    .transform((value, context) => {
      const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)?\s*$/i.exec(String(value));
      const factor = SIZE_UNITS[match?.[2]?.toLowerCase() ?? 'b'];
      const bytes =
        match === null || factor === undefined ? Number.NaN : Math.round(Number(match[1]) * factor);
      if (bytes >= 1 && Number.isSafeInteger(bytes)) return bytes;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    })
    .meta({ words: 'size (bytes)' });
}

/** An IP address or a range in CIDR form, IPv4 or IPv6. */
export function ipRange() {
  return z.string().refine(isIpRange, 'must be an IP address or a range such as 192.168.1.0/24');
}

function isIpRange(text: string): boolean {
  const [address, bits, ...rest] = text.split('/');
  const family = isIP(address ?? '');
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

/**
 * A path as people write it: `mcp_servers.db.args[0]`. Of a key that is no plain name only the beginning is shown: where a ":" was
 * forgotten, the rest of it may be a secret.
 */
export function showPath(path: ConfigPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (!/^[A-Za-z_][\w-]*$/.test(part) || part.startsWith('sk-'))
      text += `[${JSON.stringify(showKey(part))}]`;
    else text += text === '' ? part : `.${part}`;
  }
  return text;
}

function showKey(key: string): string {
  const shown = /^(?:sk-|[\w.-]*)/.exec(key)![0];
  return shown === key ? key : `${shown}…`;
}
