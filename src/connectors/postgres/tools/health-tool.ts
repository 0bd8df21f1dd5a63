import { InvalidArguments } from '../../../mcp/tool-arguments.ts';
import type { ToolDefinition } from '../../../mcp/tool-server.ts';
import { type CheckOutcome, HEALTH_TYPES, type HealthCheck, type Query } from '../health/check.ts';
import { INDEX_CHECKS } from '../health/index-checks.ts';
import { SERVER_CHECKS } from '../health/server-checks.ts';
import { TABLE_CHECKS } from '../health/table-checks.ts';
import { dataResult, failure } from '../results.ts';
import type { RoleFacts } from '../role.ts';
import type { Session } from '../session.ts';
import { READ_ONLY } from './run-sql.ts';
import type { ToolDeps } from './tool-deps.ts';

const CHECKS: readonly HealthCheck[] = [...INDEX_CHECKS, ...TABLE_CHECKS, ...SERVER_CHECKS];
/** Findings of one check; what is beyond is counted. */
const FINDINGS_MAX = 50;
const SEVERITIES = ['high', 'medium', 'low'] as const;

const TEXT = { type: 'string' } as const;

interface Done {
  readonly check: HealthCheck;
  readonly outcome: CheckOutcome;
}

/** `analyze_db_health`: what is wrong with the database, by the catalogue and the server's counters. */
export function databaseHealthTool({ database }: ToolDeps): ToolDefinition {
  return {
    name: 'analyze_db_health',
    title: 'Review the health of the database',
    description:
      'Review the health of the PostgreSQL database: indexes (invalid, duplicate, unused, missing for foreign keys), connections, vacuum, sequences, replication, buffers, constraints, bloat. Each finding comes with evidence and SQL that would fix it; nothing is changed.',
    inputSchema: {
      type: 'object',
      properties: {
        health_type: {
          type: 'string',
          default: 'all',
          description: `all, or some of ${HEALTH_TYPES.join(', ')} with commas between`,
        },
      },
      additionalProperties: false,
    },
    outputSchema: {
      type: 'object',
      properties: {
        findings: {
          type: 'array',
          items: {
            type: 'object',
            properties: {
              check: TEXT,
              type: { type: 'string', enum: HEALTH_TYPES },
              severity: { type: 'string', enum: SEVERITIES },
              object: TEXT,
              evidence: TEXT,
              examined_count: { type: 'integer' },
              fix: { type: 'string', description: 'Advice; run it only when a person has agreed.' },
            },
            required: ['check', 'type', 'severity', 'object', 'evidence', 'examined_count', 'fix'],
          },
        },
        checks: {
          type: 'array',
          items: {
            type: 'object',
            properties: {
              check: TEXT,
              type: TEXT,
              examined_count: { type: 'integer' },
              examined: TEXT,
              findings: { type: 'integer' },
              not_seen: { type: ['string', 'null'] },
            },
          },
        },
        role: TEXT,
        server_version: TEXT,
        truncated: { type: 'boolean' },
      },
      required: ['findings', 'checks', 'role', 'server_version', 'truncated'],
    },
    annotations: READ_ONLY,
    handler: async (args, context) => {
      const types = readTypes(String(args['health_type']));
      const chosen = CHECKS.filter(({ type }) => types.has(type));
      try {
        const facts = await database.facts();
        const done = await database.read(context, async (session) => {
          // So that the server prints each name with its schema.
          await session.client.query(
            "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)",
          );
          const results: Done[] = [];
          for (const check of chosen) results.push({ check, outcome: await run(check, session, facts) });
          return results;
        });
        return healthResult(done, facts);
      } catch (error) {
        return failure(error, database.isMasked);
      }
    },
  };
}

/** Runs one check so that its failure spoils no other: what could not be examined is said, never taken for health. */
async function run(check: HealthCheck, { client }: Session, role: RoleFacts): Promise<CheckOutcome> {
  const query: Query = async <Row extends object>(sql: string, values: readonly unknown[] = []) =>
    (await client.query<Row & Record<string, unknown>>(sql, [...values])).rows as readonly Row[];
  await client.query('SAVEPOINT health');
  try {
    return await check.run(query, role);
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string };
    // Cancelled, or the connection is gone: the others would fail as well.
    if (code === undefined || code === '57014') throw error;
    await client.query('ROLLBACK TO health');
    return { examined: 0, problems: [], notSeen: `It could not be run: ${message} (SQLSTATE ${code}).` };
  }
}

function healthResult(done: readonly Done[], role: RoleFacts): ReturnType<typeof dataResult> {
  const findings = done
    .flatMap(({ check, outcome }) =>
      outcome.problems.slice(0, FINDINGS_MAX).map((problem) => ({
        check: check.name,
        type: check.type,
        severity: problem.severity,
        object: problem.object,
        evidence: problem.evidence,
        examined_count: outcome.examined,
        fix: problem.fix,
      })),
    )
    .sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
  const checks = done.map(({ check, outcome }) => ({
    check: check.name,
    type: check.type,
    examined_count: outcome.examined,
    examined: check.what,
    findings: outcome.problems.length,
    not_seen: outcome.notSeen ?? null,
  }));
  const truncated = done.some(({ outcome }) => outcome.problems.length > FINDINGS_MAX);
  const structured = { findings, checks, role: role.user, server_version: role.version, truncated };
  const summary = `${findings.length} finding${findings.length === 1 ? '' : 's'} of ${checks.length} checks, as role ${role.user} on PostgreSQL ${role.version}.${truncated ? ' Some checks found more than is shown.' : ''}`;
  const lines = [
    ...findings.map(
      ({ severity, check, object, evidence, fix }) =>
        `[${severity}] ${check}: ${object}: ${evidence}. Fix: ${fix}`,
    ),
    ...checks.map(
      (check) =>
        `${check.check}: examined ${check.examined_count} ${check.examined}, ${check.findings} found.${check.not_seen === null ? '' : ` Not seen: ${check.not_seen}`}`,
    ),
  ];
  return dataResult(summary, structured, lines.join('\n'));
}

function readTypes(text: string): ReadonlySet<string> {
  const named = text.split(',').map((part) => part.trim().toLowerCase());
  if (named.includes('all')) return new Set(HEALTH_TYPES);
  const unknown = named.find((name) => !HEALTH_TYPES.some((type) => type === name));
  if (unknown !== undefined) {
    throw new InvalidArguments(
      `Argument "health_type" names ${JSON.stringify(unknown.slice(0, 60))}, which there is not. It takes all, or some of: ${HEALTH_TYPES.join(', ')}.`,
    );
  }
  return new Set(named);
}
