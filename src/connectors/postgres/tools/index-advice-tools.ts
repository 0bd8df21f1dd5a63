import { InvalidArguments } from '../../../mcp/tool-arguments.ts';
import type { ToolContext } from '../../../mcp/tool-context.ts';
import type { ToolDefinition, ToolResult } from '../../../mcp/tool-server.ts';
import { findCandidates } from '../advice/candidates.ts';
import {
  GAIN_PERCENT_MIN,
  type Recommendation,
  type SearchResult,
  searchIndexes,
  type WeightedQuery,
} from '../advice/index-search.ts';
import { type CountedStatement, topStatements } from '../advice/statements.ts';
import { ENGINE_METHODS, indexSql, NO_ENGINE, type TrialEngine, withTrial } from '../advice/trial-indexes.ts';
import { dataResult, failure, refusal } from '../results.ts';
import { judgeQuery } from './explain-tool.ts';
import { READ_ONLY } from './run-sql.ts';
import type { ToolDeps } from './tool-deps.ts';

const QUERIES_MAX = 10;
const SIZE_MB = 10_000;
const MIN_CALLS = 5;
const SEARCH_MS = 20_000;
const MIB = 1024 * 1024;

const SIZE_ARGUMENT = {
  type: 'integer',
  minimum: 1,
  default: SIZE_MB,
  description: 'Space for all recommended indexes together.',
} as const;

const OUTPUT_SCHEMA = {
  type: 'object',
  properties: {
    recommendations: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          definition: { type: 'string', description: 'To be run by the owner.' },
          table: { type: 'string' },
          columns: { type: 'array', items: { type: 'string' } },
          size_bytes: { type: 'number' },
          queries: { type: 'array', items: { type: 'object' } },
        },
      },
    },
    queries: { type: 'array', items: { type: 'object' } },
    skipped: { type: 'array', items: { type: 'object' } },
    examined: { type: 'object' },
    notes: { type: 'array', items: { type: 'string' } },
    method: { type: 'string', description: 'How these numbers were got.' },
  },
  required: ['recommendations', 'queries', 'skipped', 'examined', 'notes', 'method'],
} as const;

/** A query to advise on, with the text that may be shown of it. */
interface Subject extends WeightedQuery {
  readonly shown: string;
}

interface Skipped {
  readonly query: string;
  readonly reason: string;
}

interface Advice {
  readonly engine: TrialEngine;
  readonly search: SearchResult;
  readonly candidates: number;
  readonly notes: readonly string[];
}

/** `analyze_query_indexes`: indexes for given queries. */
export function analyzeQueryIndexesTool(deps: ToolDeps): ToolDefinition {
  return {
    name: 'analyze_query_indexes',
    title: 'Recommend indexes for queries',
    description:
      'Recommend indexes for up to 10 SELECTs on the PostgreSQL database: tries candidates with the planner and names those that lower the cost. Creates nothing.',
    inputSchema: {
      type: 'object',
      properties: {
        queries: { type: 'array', items: { type: 'string' }, minItems: 1, maxItems: QUERIES_MAX },
        max_index_size_mb: SIZE_ARGUMENT,
      },
      required: ['queries'],
      additionalProperties: false,
    },
    outputSchema: OUTPUT_SCHEMA,
    annotations: READ_ONLY,
    handler: async (args, context) => {
      const texts = readQueries(args['queries']);
      try {
        const subjects: Subject[] = [];
        for (const [at, sql] of texts.entries()) {
          const judged = await judgeQuery(deps, sql);
          if ('content' in judged) return about(judged, at);
          subjects.push({ ...judged, weight: 1, shown: sql });
        }
        return await advise(deps, context, {
          subjects,
          skipped: [],
          notes: [],
          skipFailing: false,
          sizeMb: Number(args['max_index_size_mb']),
        });
      } catch (error) {
        return failure(error, deps.database.isMasked);
      }
    },
  };
}

/** `analyze_workload_indexes`: indexes for the queries that cost this database most. */
export function analyzeWorkloadIndexesTool(deps: ToolDeps): ToolDefinition {
  return {
    name: 'analyze_workload_indexes',
    title: 'Recommend indexes for the workload',
    description:
      'Recommend indexes for the queries that cost the PostgreSQL database most (from pg_stat_statements), weighted by how often they run. Creates nothing.',
    inputSchema: {
      type: 'object',
      properties: {
        max_index_size_mb: SIZE_ARGUMENT,
        min_calls: {
          type: 'integer',
          minimum: 1,
          default: MIN_CALLS,
          description: 'Leave out what ran less often.',
        },
      },
      additionalProperties: false,
    },
    outputSchema: OUTPUT_SCHEMA,
    annotations: READ_ONLY,
    handler: async (args, context) => {
      try {
        const found = await topStatements(deps, context, 'total_time');
        if (found.kind === 'missing') return refusal(found.reason);
        const often = found.statements.filter(({ calls }) => calls >= Number(args['min_calls']));
        const { subjects, skipped } = await chooseSubjects(deps, often);
        const notes =
          found.hiddenOfOthers > 0
            ? [
                `${found.hiddenOfOthers} statements of other roles could not be looked at; GRANT pg_read_all_stats would show them.`,
              ]
            : [];
        return await advise(deps, context, {
          subjects,
          skipped,
          notes,
          skipFailing: true,
          sizeMb: Number(args['max_index_size_mb']),
        });
      } catch (error) {
        return failure(error, deps.database.isMasked);
      }
    },
  };
}

async function chooseSubjects(
  deps: ToolDeps,
  statements: readonly CountedStatement[],
): Promise<{ readonly subjects: readonly Subject[]; readonly skipped: readonly Skipped[] }> {
  const subjects: Subject[] = [];
  const skipped: Skipped[] = [];
  for (const { sql, shown, calls } of statements) {
    if (subjects.length === QUERIES_MAX) break;
    const judged = await judgeQuery(deps, sql);
    if ('content' in judged) skipped.push({ query: shown, reason: textOf(judged) });
    else subjects.push({ ...judged, weight: calls, shown });
  }
  return { subjects, skipped: skipped.slice(0, QUERIES_MAX) };
}

async function advise(
  deps: ToolDeps,
  context: ToolContext,
  request: {
    readonly subjects: readonly Subject[];
    readonly skipped: readonly Skipped[];
    readonly notes: readonly string[];
    readonly sizeMb: number;
    /** A statement of the workload may be about a table that is gone; one that was given must be right. */
    readonly skipFailing: boolean;
  },
): Promise<ToolResult> {
  const { sizeMb, notes } = request;
  const skipped = [...request.skipped];
  const bounds = { sizeBytesMax: sizeMb * MIB, timeMs: SEARCH_MS, signal: context.signal };
  const subjects: Subject[] = [];
  const advice = await withTrial(deps.trials, context, async (trial): Promise<Advice | undefined> => {
    if (trial === undefined) return undefined;
    for (const subject of request.subjects) {
      try {
        await trial.explain(subject);
        subjects.push(subject);
      } catch (error) {
        if (!request.skipFailing) throw error;
        skipped.push({ query: subject.shown, reason: textOf(failure(error, deps.database.isMasked)) });
      }
    }
    const found = await findCandidates(trial.session, deps.parser, subjects, trial.engine);
    const search = await searchIndexes(trial, subjects, found.specs, bounds);
    const left =
      found.left > 0 ? [`${found.left} further candidates were not tried; give fewer queries.`] : [];
    return { engine: trial.engine, search, candidates: found.specs.length, notes: [...found.notes, ...left] };
  });
  if (advice === undefined) return refusal(NO_ENGINE);
  return adviceResult(advice, subjects, skipped, [...notes, ...advice.notes]);
}

function adviceResult(
  { engine, search, candidates }: Advice,
  subjects: readonly Subject[],
  skipped: readonly Skipped[],
  notes: readonly string[],
): ToolResult {
  const recommendations = search.recommendations.map(recommendationOf);
  const generic = subjects.some(({ parameters }) => parameters > 0);
  const structured = {
    recommendations,
    queries: subjects.map(({ shown, weight }, at) => ({
      number: at + 1,
      query: shown,
      weight,
      cost_before: search.costsBefore[at],
      cost_after: search.costsAfter[at],
    })),
    skipped,
    examined: {
      queries: subjects.length,
      candidates,
      plans: search.plans,
      too_large: search.tooLarge,
      could_not_be_made: search.notMade,
      stopped_by: search.stoppedBy,
      gain_percent_min: GAIN_PERCENT_MIN,
    },
    notes,
    method: `${ENGINE_METHODS[engine]}${generic ? '; where parameters are open, as generic plans' : ''}. Costs are the planner's units, not time; an index also makes writes dearer, which is not counted.`,
  };
  const summary =
    recommendations.length === 0
      ? `No index is recommended: of ${candidates} candidates for ${subjects.length} queries none lowers the cost of one by ${GAIN_PERCENT_MIN} % or more.`
      : `${recommendations.length} of ${candidates} candidates for ${subjects.length} queries lower the cost of one by ${GAIN_PERCENT_MIN} % or more.`;
  const lines = [
    ...recommendations.map(
      ({ definition, size_bytes: size, queries }) =>
        `${definition}; -- ${Math.ceil(size / 1024)} kB; ${queries.map((one) => `query ${one.number}: ${one.cost_before} -> ${one.cost_after} (-${one.reduction_percent} %)`).join(', ')}`,
    ),
    ...skipped.map(({ query, reason }) => `Not looked at: ${query.slice(0, 200)}: ${reason}`),
    ...notes,
  ];
  return dataResult(`${summary} ${structured.method}`, structured, lines.join('\n'));
}

function recommendationOf({ spec, sizeBytes, gains }: Recommendation): {
  readonly definition: string;
  readonly table: string;
  readonly columns: readonly string[];
  readonly size_bytes: number;
  readonly queries: readonly {
    readonly number: number;
    readonly cost_before: number;
    readonly cost_after: number;
    readonly reduction_percent: number;
  }[];
} {
  // A partitioned table takes no index concurrently.
  const definition =
    spec.table.kind === 'p'
      ? indexSql(spec)
      : indexSql(spec).replace('CREATE INDEX', 'CREATE INDEX CONCURRENTLY');
  return {
    definition,
    table: `${spec.table.schema}.${spec.table.name}`,
    columns: spec.columns,
    size_bytes: sizeBytes,
    queries: gains.map(({ query, before, after }) => ({
      number: query + 1,
      cost_before: before,
      cost_after: after,
      reduction_percent: Math.round(((before - after) / before) * 100),
    })),
  };
}

function readQueries(given: unknown): readonly string[] {
  const texts = given as readonly unknown[];
  if (texts.length < 1 || texts.length > QUERIES_MAX || !texts.every((text) => typeof text === 'string'))
    throw new InvalidArguments(`Argument "queries" must be 1 to ${QUERIES_MAX} statements as text.`);
  return texts;
}

function about(refused: ToolResult, at: number): ToolResult {
  return refusal(`Query ${at + 1}: ${textOf(refused)}`);
}

function textOf(result: ToolResult): string {
  return String(result.content[0]?.['text']);
}
