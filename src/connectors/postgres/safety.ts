import { type MaskRule, parseMaskRules } from './mask-rules.ts';

/** What an operator may tighten. Every part has a default. */
export interface SafetyOptions {
  readonly statementTimeoutMs?: number | undefined;
  readonly lockTimeoutMs?: number | undefined;
  /** How long a transaction may lie idle before the server ends its session. */
  readonly idleTimeoutMs?: number | undefined;
  /** Schemas that unqualified names are looked up in, instead of the role's own path. */
  readonly searchPath?: readonly string[] | undefined;
  /** Columns whose values are never shown; rules of masking.ts. */
  readonly mask?: readonly string[] | undefined;
  /** Refuse statements that the planner expects to cost more, in its own units. */
  readonly maxCost?: number | undefined;
  /** Refuse statements of which some step is expected to give more rows. */
  readonly maxEstimatedRows?: number | undefined;
}

/** The same with its defaults, read. */
export interface Safety {
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly searchPath: readonly string[] | undefined;
  readonly maskRules: readonly MaskRule[];
  readonly maxCost: number;
  readonly maxEstimatedRows: number;
}

const STATEMENT_MS = 30_000;
const LOCK_MS = 2_000;
const IDLE_MS = 60_000;

/** Fills in defaults. Throws one sentence when a mask rule cannot be read. */
export function safetyOf(options: SafetyOptions): Safety {
  return {
    statementTimeoutMs: options.statementTimeoutMs ?? STATEMENT_MS,
    lockTimeoutMs: options.lockTimeoutMs ?? LOCK_MS,
    idleTimeoutMs: options.idleTimeoutMs ?? IDLE_MS,
    searchPath: options.searchPath,
    maskRules: parseMaskRules(options.mask ?? []),
    maxCost: options.maxCost ?? Number.POSITIVE_INFINITY,
    maxEstimatedRows: options.maxEstimatedRows ?? Number.POSITIVE_INFINITY,
  };
}

type Environment = Readonly<Record<string, string | undefined>>;

const MS_MAX = 24 * 3_600_000;

/**
 * Reads MCP_STATEMENT_TIMEOUT, MCP_LOCK_TIMEOUT and MCP_IDLE_TIMEOUT (`500ms`, `30s`, `2min`, or a number of seconds), MCP_SEARCH_PATH and
 * MCP_MASK (commas between; none inside a rule), MCP_MAX_COST and MCP_MAX_ROWS_ESTIMATED. Throws one sentence that names the variable.
 */
export function readSafety(env: Environment): SafetyOptions {
  const list = (name: string): readonly string[] | undefined => {
    const parts = (env[name] ?? '').split(',').map((part) => part.trim());
    const given = parts.filter((part) => part !== '');
    return given.length === 0 ? undefined : given;
  };
  const mask = list('MCP_MASK');
  if (mask !== undefined) parseMaskRules(mask);
  return {
    statementTimeoutMs: duration(env, 'MCP_STATEMENT_TIMEOUT'),
    lockTimeoutMs: duration(env, 'MCP_LOCK_TIMEOUT'),
    idleTimeoutMs: duration(env, 'MCP_IDLE_TIMEOUT'),
    searchPath: list('MCP_SEARCH_PATH'),
    mask,
    maxCost: positive(env, 'MCP_MAX_COST'),
    maxEstimatedRows: positive(env, 'MCP_MAX_ROWS_ESTIMATED'),
  };
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, '': 1_000, s: 1_000, min: 60_000, h: 3_600_000 };

function duration(env: Environment, name: string): number | undefined {
  const text = env[name] ?? '';
  if (text === '') return undefined;
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|min|h|)$/.exec(text.trim());
  const ms = match === null ? Number.NaN : Math.round(Number(match[1]) * UNITS[match[2]!]!);
  // 0 would mean no limit to PostgreSQL.
  if (ms >= 1 && ms <= MS_MAX) return ms;
  throw new Error(`${name} is ${JSON.stringify(text)}: write 500ms, 30s or 2min, from 1ms to 24h`);
}

function positive(env: Environment, name: string): number | undefined {
  const text = env[name] ?? '';
  if (text === '') return undefined;
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new Error(`${name} is ${JSON.stringify(text)}: write a number above 0`);
}
