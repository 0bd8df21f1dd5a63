import { InvalidArguments } from '../../../mcp/tool-arguments.ts';
import type { ToolContext } from '../../../mcp/tool-context.ts';
import type { ToolDefinition, ToolResult } from '../../../mcp/tool-server.ts';
import {
  HYPOTHETICAL_INDEXES_SCHEMA,
  type IndexWish,
  readIndexWishes,
  resolveIndexes,
} from '../advice/index-arguments.ts';
import {
  type ExplainedPlan,
  importantNodes,
  indexesIn,
  type PlanNode,
  planText,
  readPlan,
} from '../advice/plan.ts';
import {
  ENGINE_METHODS,
  explainOnce,
  explainPrefix,
  indexSql,
  type JudgedQuery,
  NO_ENGINE,
  type TrialEngine,
  withTrial,
} from '../advice/trial-indexes.ts';
import type { DatabaseFacts } from '../database.ts';
import { judge } from '../guard/guard.ts';
import { dataResult, refusal } from '../results.ts';
import { costProblem } from '../cost-gate.ts';
import { type RowCaps, readRows } from '../rows.ts';
import { READ_ONLY, refuse } from './run-sql.ts';
import { failureWithNames } from './near-relations.ts';
import type { ToolDeps } from './tool-deps.ts';

interface Tried {
  readonly engine: TrialEngine;
  readonly base: ExplainedPlan;
  readonly plan: ExplainedPlan;
  readonly indexes: readonly {
    readonly definition: string;
    readonly size_bytes: number;
    readonly used: boolean;
  }[];
}

/** Characters of a plan that are given as JSON, too. */
const PLAN_JSON_MAX = 60_000;
const PLAN_TEXT_MAX = 20_000;
/** What a plan's nodes say that helps nobody. */
const NOISE: ReadonlySet<string> = new Set(['Output', 'Parent Relationship', 'Schema']);

const METHODS = {
  analyze: 'measured: the statement was executed, in a read-only transaction that was rolled back',
  generic: ', as a generic plan: the parameters ($1) are open, so selectivities are averages over all values',
} as const;

const NUMBER = { type: 'number' } as const;
const OUTPUT_SCHEMA = {
  type: 'object',
  properties: {
    text: { type: 'string', description: 'The plan, a line a node.' },
    plan: {
      type: ['object', 'null'],
      description: 'The plan as PostgreSQL gives it; null when it is too large.',
    },
    total_cost: { type: 'number', description: "In the planner's units; compare, do not read as time." },
    estimated_rows: NUMBER,
    execution_ms: NUMBER,
    planning_ms: NUMBER,
    important_nodes: { type: 'array', items: { type: 'object' } },
    method: { type: 'string', description: 'How these numbers were got.' },
    hypothetical: {
      type: 'object',
      properties: {
        cost_before: NUMBER,
        cost_after: NUMBER,
        indexes: { type: 'array', items: { type: 'object' } },
      },
    },
    analyzed: { type: 'boolean' },
    truncated: { type: 'boolean' },
  },
  required: ['text', 'plan', 'total_cost', 'important_nodes', 'method', 'analyzed', 'truncated'],
} as const;

/** `explain_query`: the plan of one reading statement, executed only when asked, with indexes that are not there when asked. */
export function explainQueryTool(deps: ToolDeps): ToolDefinition {
  return {
    name: 'explain_query',
    title: 'Explain a query',
    description:
      'Show how PostgreSQL would execute a SELECT: plan, costs, the nodes that matter. analyze executes it, read-only, for real times. hypothetical_indexes shows the plan as if these indexes existed.',
    inputSchema: {
      type: 'object',
      properties: {
        sql: { type: 'string', description: 'The SELECT, without EXPLAIN; $1 may stand for a value.' },
        analyze: { type: 'boolean', description: 'Execute it.', default: false },
        hypothetical_indexes: HYPOTHETICAL_INDEXES_SCHEMA,
      },
      required: ['sql'],
      additionalProperties: false,
    },
    outputSchema: OUTPUT_SCHEMA,
    annotations: READ_ONLY,
    handler: async (args, context) => {
      const sql = String(args['sql']);
      const analyze = args['analyze'] === true;
      const wishes = readIndexWishes(args['hypothetical_indexes']);
      if (analyze && wishes.length > 0) {
        throw new InvalidArguments(
          'Use either "analyze" or "hypothetical_indexes": an index that is not there cannot be executed with.',
        );
      }
      let prefixCharacters = explainPrefix(analyze).length;
      try {
        const query = await judgeQuery(deps, sql, analyze);
        if ('content' in query) return query;
        if (query.parameters > 0) prefixCharacters = 'PREPARE lanport_trial_0 AS '.length;
        if (wishes.length > 0) return await explainWith(deps, context, query, wishes);
        const plan = await deps.database.read(
          context,
          async (session) => {
            if (!analyze) return explainOnce(session, query);
            const dear = await costProblem(session, sql, deps.database.options.safety);
            return dear === undefined ? explainAnalyze(query.facts, deps.caps, session, sql) : dear;
          },
          query.facts,
        );
        if (typeof plan === 'string') return refusal(`Refused before it was executed: ${plan}.`);
        return planResult(plan, methodOf('none', query, analyze));
      } catch (error) {
        if (error instanceof InvalidArguments) throw error;
        return failureWithNames(error, deps.database, context, prefixCharacters);
      }
    },
  };
}

/** With the facts that it was judged by. */
interface Judged extends JudgedQuery {
  readonly facts: DatabaseFacts;
}

/** The verdict on a SELECT that is only to be planned, or on one that is to be executed. */
export async function judgeQuery(
  { database, parser }: ToolDeps,
  sql: string,
  analyze = false,
): Promise<Judged | ToolResult> {
  const facts = await database.facts();
  const { functions } = facts;
  const verdict = await judge(sql, 'template', parser, functions);
  if (!verdict.ok) return refuse(verdict);
  if (verdict.facts.kind !== 'select') return refusal('Give the SELECT itself, without EXPLAIN or SHOW.');
  const { parameters } = verdict.facts;
  if (analyze && parameters > 0)
    return refuse({
      ok: false,
      reason: 'parameters ($1) have no values to execute it with; write values in their place',
    });
  // The statement that runs is judged, not only the one it was made from.
  const whole = await judge(explainPrefix(analyze) + sql, 'template', parser, functions);
  return whole.ok ? { sql, parameters, facts } : refuse(whole);
}

async function explainAnalyze(
  { types }: DatabaseFacts,
  caps: RowCaps,
  session: Parameters<typeof readRows>[0],
  sql: string,
): Promise<ExplainedPlan> {
  const whole = { ...caps, rowsMax: 1, cellCharactersMax: Number.MAX_SAFE_INTEGER };
  const { rows } = await readRows(session, explainPrefix(true) + sql, whole, types);
  return readPlan(rows[0]?.[0]);
}

async function explainWith(
  { trials }: ToolDeps,
  context: ToolContext,
  query: Judged,
  wishes: readonly IndexWish[],
): Promise<ToolResult> {
  const tried = await withTrial(
    trials,
    context,
    async (trial): Promise<Tried | undefined> => {
      if (trial === undefined) return undefined;
      const base = await trial.explain(query);
      const made = [];
      for (const spec of await resolveIndexes(trial.session, wishes)) {
        made.push({ definition: indexSql(spec), ...(await trial.create(spec)) });
      }
      const plan = await trial.explain(query);
      const used = new Set(indexesIn(plan.root));
      const indexes = made.map(({ definition, sizeBytes, names }) => ({
        definition,
        size_bytes: sizeBytes,
        used: names.some((name) => used.has(name)),
      }));
      return { engine: trial.engine, base, plan, indexes };
    },
    query.facts,
  );
  if (tried === undefined) return refusal(NO_ENGINE);
  return planResult(tried.plan, methodOf(tried.engine, query, false), tried);
}

function methodOf(engine: TrialEngine, { parameters }: JudgedQuery, analyze: boolean): string {
  if (analyze) return METHODS.analyze;
  return ENGINE_METHODS[engine] + (parameters > 0 ? METHODS.generic : '');
}

function planResult(plan: ExplainedPlan, method: string, tried?: Tried): ToolResult {
  const { root, executionMs, planningMs } = plan;
  const whole = planText(plan);
  const text = whole.length > PLAN_TEXT_MAX ? `${whole.slice(0, PLAN_TEXT_MAX).toWellFormed()}…` : whole;
  const pruned = prune(root);
  const large = JSON.stringify(pruned).length > PLAN_JSON_MAX;
  const nodes = importantNodes(root);
  const hypothetical =
    tried === undefined
      ? undefined
      : {
          cost_before: tried.base.root['Total Cost'],
          cost_after: root['Total Cost'],
          indexes: tried.indexes,
        };
  const structured = {
    text,
    plan: large ? null : pruned,
    total_cost: root['Total Cost'],
    estimated_rows: root['Plan Rows'],
    ...(executionMs === undefined ? {} : { execution_ms: executionMs }),
    ...(planningMs === undefined ? {} : { planning_ms: planningMs }),
    important_nodes: nodes,
    method,
    ...(hypothetical === undefined ? {} : { hypothetical }),
    analyzed: executionMs !== undefined,
    truncated: large || text !== whole,
  };
  const unused = hypothetical?.indexes.filter(({ used }) => !used).length ?? 0;
  const summary = [
    executionMs === undefined
      ? `Cost ${root['Total Cost']}, ${method}.`
      : `${executionMs} ms, cost ${root['Total Cost']}; ${method}.`,
    hypothetical === undefined
      ? ''
      : `With the ${hypothetical.indexes.length} hypothetical index(es) the cost is ${hypothetical.cost_after}, before ${hypothetical.cost_before}.${unused > 0 ? ` ${unused} of them would not be used.` : ''}`,
    text !== whole ? 'The plan is cut.' : '',
  ];
  const remarks = nodes.flatMap(({ node, remarks: each }) => each.map((remark) => `! ${node}: ${remark}`));
  return dataResult(
    summary.filter((part) => part !== '').join(' '),
    structured,
    [text, ...remarks].join('\n'),
  );
}

function prune(node: PlanNode): Record<string, unknown> {
  const entries = Object.entries(node).filter(([key, value]) => !NOISE.has(key) && value !== false);
  return Object.fromEntries(
    entries.map(([key, value]) =>
      key === 'Plans' ? [key, (value as readonly PlanNode[]).map(prune)] : [key, value],
    ),
  );
}
