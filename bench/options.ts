/** What a run measures, and how long. The environment sets it: `BENCH_REPEATS=1 BENCH_SECONDS=1 BENCH_PARTS=ledger npm run bench`. */
export interface BenchOptions {
  readonly repeats: number;
  /** Of each case in each repeat. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly parts: readonly Part[];
  /** Calls that the ledger's database is filled with. */
  readonly ledgerCalls: number;
}

/** What belongs to one report, which is kept in bench/results when all of it was measured. */
export const MCP_PARTS = ['calls', 'lists', 'peers', 'memory'] as const;
export const LLM_PARTS = [
  'llm-calls',
  'llm-streams',
  'llm-translated',
  'llm-pace',
  'llm-memory',
  'llm-peers',
] as const;
export const LEDGER_PARTS = ['ledger'] as const;
export const POSTGRES_PARTS = ['postgres'] as const;
const PARTS = [...MCP_PARTS, ...LLM_PARTS, ...LEDGER_PARTS, ...POSTGRES_PARTS] as const;
export type Part = (typeof PARTS)[number];

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws on a value that means nothing. */
export function readOptions(env: Environment): BenchOptions {
  const named = env['BENCH_PARTS']?.split(',') ?? PARTS;
  const parts = PARTS.filter((part) => named.includes(part));
  const unknown = named.find((name) => !parts.some((part) => part === name));
  if (unknown !== undefined)
    throw new Error(`BENCH_PARTS: there is no part "${unknown}"; there are ${PARTS.join(', ')}`);
  return {
    repeats: number(env, 'BENCH_REPEATS', 5),
    seconds: number(env, 'BENCH_SECONDS', 3),
    warmUpSeconds: number(env, 'BENCH_WARM_UP_SECONDS', 2),
    parts,
    ledgerCalls: number(env, 'BENCH_LEDGER_CALLS', 1_000_000),
  };
}

function number(env: Environment, name: string, otherwise: number): number {
  const text = env[name];
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${name}: "${text}" is no number above 0`);
  return value;
}
