import { passedOn, type Span, type TraceContext, type Tracer } from '../../core/trace.ts';
import { isSqlState } from './errors.ts';
import { type ConnectionTarget, placeOf } from './connection.ts';

/**
 * The span of one transaction with one statement (Semantic conventions for database calls). The statement itself is not on it: what a model writes may
 * hold what people told it.
 */
export function startQuerySpan(
  tracer: Tracer,
  connection: ConnectionTarget,
  access: 'READ ONLY' | 'READ WRITE',
  parent: TraceContext | undefined,
): Span {
  if (!tracer.isOn) return passedOn(parent);
  const { host, port, database } = placeOf(connection);
  const operation = access === 'READ ONLY' ? 'SELECT' : 'WRITE';
  return tracer.start({
    name: `${operation} ${database ?? 'postgresql'}`,
    kind: 'client',
    parent,
    attributes: {
      'db.system.name': 'postgresql',
      'db.namespace': database,
      'db.operation.name': operation,
      'server.address': host,
      'server.port': port,
    },
  });
}

/** PostgreSQL's own class of an error, or ours. */
export function errorTypeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'error';
  const { code } = error as { readonly code?: unknown };
  return isSqlState(code) ? code : error.name;
}
