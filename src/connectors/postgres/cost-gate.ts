import { type PlanNode, readPlan } from './advice/plan.ts';
import { readRows } from './rows.ts';
import type { Safety } from './safety.ts';
import type { Session } from './session.ts';

/** Planning alone may take this long: PostgreSQL runs immutable functions with constant arguments while it plans. */
const PLAN_MS = 2_000;
const CAPS = { rowsMax: 1, bytesMax: 4 * 1024 * 1024, cellCharactersMax: Number.MAX_SAFE_INTEGER };

/**
 * Asks the planner what a SELECT will cost, in the transaction that it will run in, and says why that is too much, or `undefined`. Sends
 * nothing when no limit is set. Rejects with what PostgreSQL says.
 */
export async function costProblem(
  session: Session,
  sql: string,
  safety: Safety,
): Promise<string | undefined> {
  const { maxCost, maxEstimatedRows } = safety;
  if (!isGated(safety)) return undefined;
  const set = (milliseconds: string): Promise<unknown> =>
    session.client.query("SELECT pg_catalog.set_config('statement_timeout', $1, true)", [milliseconds]);
  const { rows } = await session.client.query<{ before: string }>(
    "SELECT pg_catalog.current_setting('statement_timeout') AS before",
  );
  await set(String(PLAN_MS));
  const plan = readPlan(
    (await readRows(session, `EXPLAIN (FORMAT JSON) ${sql}`, CAPS, new Map())).rows[0]?.[0],
  );
  await set(rows[0]!.before);
  const nodes = below(plan.root);
  const cost = Number(plan.root['Total Cost']);
  if (cost > maxCost) {
    const dearest = nodes.reduce((one, other) => (ownCost(other) > ownCost(one) ? other : one));
    return `the planner expects it to cost ${Math.round(cost)}, and ${maxCost} is allowed; most of that is the ${nameOf(dearest)}. Filter on an indexed column, or read less`;
  }
  const widest = nodes.reduce((one, other) => (rowsOf(other) > rowsOf(one) ? other : one));
  if (rowsOf(widest) > maxEstimatedRows)
    return `the planner expects ${rowsOf(widest)} rows of the ${nameOf(widest)}, and ${maxEstimatedRows} are allowed. Filter more`;
  return undefined;
}

/** Whether there is any limit on what a statement may be expected to cost. */
export function isGated({ maxCost, maxEstimatedRows }: Safety): boolean {
  return Number.isFinite(maxCost) || Number.isFinite(maxEstimatedRows);
}

function below(node: PlanNode): PlanNode[] {
  return [node, ...childrenOf(node).flatMap(below)];
}

function childrenOf(node: PlanNode): readonly PlanNode[] {
  return (node['Plans'] as readonly PlanNode[] | undefined) ?? [];
}

function ownCost(node: PlanNode): number {
  return childrenOf(node).reduce(
    (rest, child) => rest - Number(child['Total Cost']),
    Number(node['Total Cost']),
  );
}

function rowsOf(node: PlanNode): number {
  return Number(node['Plan Rows']);
}

function nameOf(node: PlanNode): string {
  const relation = node['Relation Name'] ?? node['Function Name'];
  return `${String(node['Node Type'])}${relation === undefined ? '' : ` on ${String(relation)}`}`;
}
