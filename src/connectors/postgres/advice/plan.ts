/** One node of a plan as EXPLAIN (FORMAT JSON) prints it; which keys there are depends on the node and the server's version. */
export interface PlanNode {
  readonly [key: string]: unknown;
  readonly 'Node Type': string;
  readonly 'Startup Cost': number;
  readonly 'Total Cost': number;
  readonly 'Plan Rows': number;
  readonly Plans?: readonly PlanNode[];
}

export interface ExplainedPlan {
  readonly root: PlanNode;
  readonly planningMs: number | undefined;
  readonly executionMs: number | undefined;
}

/** A node that costs much, or whose estimate or work stands out. */
export interface ImportantNode {
  readonly node: string;
  readonly own_cost: number;
  /** Of the whole plan's cost, in percent. */
  readonly cost_percent: number;
  readonly estimated_rows: number;
  readonly actual_rows?: number;
  readonly remarks: readonly string[];
}

const IMPORTANT_PERCENT = 20;
const IMPORTANT_MAX = 6;
/** Estimate and reality that differ by more than this factor lead the planner astray. */
const MISJUDGED_FACTOR = 10;
/** A condition that keeps less than one row in so many reads in vain. */
const WASTED_FACTOR = 20;
const WASTED_ROWS_MIN = 500;
const CONDITIONS = [
  'Index Cond',
  'Recheck Cond',
  'Hash Cond',
  'Merge Cond',
  'Join Filter',
  'Filter',
  'One-Time Filter',
];

/** Reads what EXPLAIN (FORMAT JSON) answered, parsed or still text. */
export function readPlan(cell: unknown): ExplainedPlan {
  const parsed = (typeof cell === 'string' ? JSON.parse(cell) : cell) as readonly Record<string, unknown>[];
  const { Plan: root, 'Planning Time': planning, 'Execution Time': execution } = parsed[0]!;
  return {
    root: root as PlanNode,
    planningMs: planning as number | undefined,
    executionMs: execution as number | undefined,
  };
}

/** The plan as text: a line a node, its conditions behind it. */
export function planText({ root, planningMs, executionMs }: ExplainedPlan): string {
  const lines: string[] = [];
  for (const { node, depth } of nodesOf(root)) {
    const cost = `cost ${node['Startup Cost']}..${node['Total Cost']} rows ${node['Plan Rows']}`;
    const loops = Number(node['Actual Loops'] ?? 0);
    const actual =
      node['Actual Rows'] === undefined
        ? ''
        : ` | actual ${String(node['Actual Total Time'])} ms rows ${String(node['Actual Rows'])}${loops === 1 ? '' : ` loops ${loops}`}`;
    lines.push(
      `${'  '.repeat(depth)}${depth === 0 ? '' : '-> '}${titleOf(node)} (${cost}${actual})${detailsOf(node)}`,
    );
  }
  if (planningMs !== undefined && executionMs !== undefined)
    lines.push(`planning ${planningMs} ms, execution ${executionMs} ms`);
  return lines.join('\n');
}

/** Indexes that a plan uses. */
export function indexesIn(root: PlanNode): string[] {
  const names = nodesOf(root).map(({ node }) => node['Index Name']);
  return [...new Set(names.filter((name) => typeof name === 'string'))];
}

/** What in a plan deserves a look, dearest first. */
export function importantNodes(root: PlanNode): ImportantNode[] {
  const total = Math.max(root['Total Cost'], Number.EPSILON);
  return nodesOf(root)
    .map(({ node }) => {
      const children = (node.Plans ?? []).reduce((sum, child) => sum + child['Total Cost'], 0);
      const own = Math.max(0, node['Total Cost'] - children);
      return {
        node: titleOf(node),
        own_cost: rounded(own),
        cost_percent: Math.min(100, Math.round((own / total) * 100)),
        estimated_rows: node['Plan Rows'],
        ...(node['Actual Rows'] === undefined ? {} : { actual_rows: Number(node['Actual Rows']) }),
        remarks: remarksOn(node),
      };
    })
    .filter((node) => node.cost_percent >= IMPORTANT_PERCENT || node.remarks.length > 0)
    .sort((a, b) => b.own_cost - a.own_cost)
    .slice(0, IMPORTANT_MAX);
}

function remarksOn(node: PlanNode): string[] {
  const remarks: string[] = [];
  const actual = node['Actual Rows'] === undefined ? undefined : Number(node['Actual Rows']);
  const estimated = node['Plan Rows'];
  if (actual !== undefined) {
    const factor = Math.max(actual, 1) / Math.max(estimated, 1);
    if (factor > MISJUDGED_FACTOR || factor < 1 / MISJUDGED_FACTOR)
      remarks.push(
        `estimated ${estimated} rows, got ${actual}: ANALYZE the table, or columns depend on each other`,
      );
  }
  const removed = Number(node['Rows Removed by Filter'] ?? 0);
  if (removed >= WASTED_ROWS_MIN && removed > WASTED_FACTOR * Math.max(actual ?? 0, 1))
    remarks.push(`read ${removed} rows in vain for each pass`);
  const condition = String(node['Filter'] ?? '');
  if (/ !?~~\*? '%/.test(condition))
    remarks.push('a pattern that begins with a wildcard: only a trigram index (pg_trgm) can help');
  if (Number(node['Heap Fetches'] ?? 0) > WASTED_ROWS_MIN)
    remarks.push('many heap fetches: VACUUM the table');
  if (node['Sort Space Type'] === 'Disk')
    remarks.push(
      `sorted on disk (${String(node['Sort Space Used'])} kB): more work_mem or an index in that order`,
    );
  if (Number(node['Hash Batches'] ?? 1) > 1) remarks.push('the hash table did not fit into work_mem');
  return remarks;
}

function titleOf(node: PlanNode): string {
  const index = node['Index Name'] === undefined ? '' : ` using ${String(node['Index Name'])}`;
  const schema = node['Schema'] === undefined ? '' : `${String(node['Schema'])}.`;
  const relation = node['Relation Name'] ?? node['CTE Name'] ?? node['Function Name'];
  const on = relation === undefined ? '' : ` on ${schema}${String(relation)}`;
  const alias = node['Alias'] === undefined || node['Alias'] === relation ? '' : ` ${String(node['Alias'])}`;
  return `${node['Node Type']}${index}${on}${alias}`;
}

function detailsOf(node: PlanNode): string {
  const details = CONDITIONS.filter((key) => node[key] !== undefined).map(
    (key) => `${key.toLowerCase()}: ${String(node[key])}`,
  );
  for (const key of ['Sort Key', 'Group Key'])
    if (Array.isArray(node[key])) details.push(`${key.toLowerCase()}: ${node[key].join(', ')}`);
  if (node['Rows Removed by Filter'] !== undefined)
    details.push(`removed by filter: ${String(node['Rows Removed by Filter'])}`);
  return details.length === 0 ? '' : ` ${details.join('; ')}`;
}

function nodesOf(root: PlanNode): { readonly node: PlanNode; readonly depth: number }[] {
  const found: { readonly node: PlanNode; readonly depth: number }[] = [];
  const visit = (node: PlanNode, depth: number): void => {
    found.push({ node, depth });
    for (const child of node.Plans ?? []) visit(child, depth + 1);
  };
  visit(root, 0);
  return found;
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
