import { type HealthCheck, notSeen, type Problem, readable } from './check.ts';

const CONNECTIONS_PERCENT = { medium: 80, high: 95 } as const;
const IDLE_IN_TRANSACTION_S = 300;
const LONG_TRANSACTION_S = 1_800;
const BLOCKED_S = 30;
const LAG_S = { medium: 60, high: 600 } as const;
const SLOT_BYTES = { medium: 1024 ** 3, high: 10 * 1024 ** 3 } as const;
const SESSIONS_SHOWN_MAX = 20;

const connections: HealthCheck = {
  name: 'connections',
  type: 'connection',
  what: 'connections',
  run: async (query) => {
    const [row] = await query<{ used: number; room: number }>(`
      SELECT (SELECT sum(d.numbackends) FROM pg_catalog.pg_stat_database AS d)::float8 AS used,
        (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int)::float8 AS room`);
    const { used, room } = row!;
    const percent = Math.round((100 * used) / room);
    if (percent < CONNECTIONS_PERCENT.medium) return { examined: used, problems: [] };
    return {
      examined: used,
      problems: [
        {
          severity: percent >= CONNECTIONS_PERCENT.high ? 'high' : 'medium',
          object: 'max_connections',
          evidence: `${used} of ${room} connections are taken (${percent} %)`,
          fix: '-- put a pooler (PgBouncer) in front, or ALTER SYSTEM SET max_connections = …; and restart',
        },
      ],
    };
  },
};

interface SessionRow {
  readonly pid: number;
  readonly role: string | null;
  readonly hidden: boolean;
  readonly idle: number | null;
  readonly open: number | null;
  readonly blocked: number | null;
  readonly blockers: readonly number[];
}

const sessions: HealthCheck = {
  name: 'long-transactions',
  type: 'connection',
  what: 'sessions whose state this role may see',
  run: async (query) => {
    const rows = await query<SessionRow>(`
      SELECT a.pid, a.usename::text AS role, a.backend_type IS NULL AS hidden,
        CASE WHEN a.state LIKE 'idle in transaction%' THEN extract(epoch FROM clock_timestamp() - a.state_change) END::float8 AS idle,
        extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS open,
        CASE WHEN a.wait_event_type = 'Lock' THEN extract(epoch FROM clock_timestamp() - a.query_start) END::float8 AS blocked,
        CASE WHEN a.wait_event_type = 'Lock' THEN pg_catalog.pg_blocking_pids(a.pid) ELSE '{}' END AS blockers
      FROM pg_catalog.pg_stat_activity AS a WHERE (a.backend_type = 'client backend' OR a.backend_type IS NULL AND a.datid IS NOT NULL) AND a.pid <> pg_catalog.pg_backend_pid() ORDER BY a.pid`);
    const seen = rows.filter(({ hidden }) => !hidden);
    const problems = seen.flatMap(problemsOf).slice(0, SESSIONS_SHOWN_MAX);
    const hidden = rows.length - seen.length;
    return {
      examined: seen.length,
      problems,
      notSeen: notSeen(
        hidden > 0 && `${hidden} sessions of other roles hide their state: GRANT pg_read_all_stats shows it.`,
      ),
    };
  },
};

function problemsOf({ pid, role, idle, open, blocked, blockers }: SessionRow): Problem[] {
  const object = `session ${pid}${role === null ? '' : ` of ${role}`}`;
  const end = `SELECT pg_terminate_backend(${pid}); -- after asking whose it is`;
  const found: Problem[] = [];
  if ((idle ?? 0) >= IDLE_IN_TRANSACTION_S)
    found.push({
      severity: 'medium',
      object,
      evidence: `idle in a transaction for ${Math.round(idle!)} s: it holds locks and keeps vacuum from cleaning`,
      fix: `${end} Or set idle_in_transaction_session_timeout.`,
    });
  else if ((open ?? 0) >= LONG_TRANSACTION_S)
    found.push({
      severity: 'medium',
      object,
      evidence: `its transaction is open for ${Math.round(open!)} s: vacuum cannot clean behind it`,
      fix: end,
    });
  if ((blocked ?? 0) >= BLOCKED_S)
    found.push({
      severity: 'high',
      object,
      evidence: `waits for a lock for ${Math.round(blocked!)} s, held by ${blockers.join(', ')}`,
      fix: `SELECT pg_cancel_backend(${blockers[0] ?? pid}); -- the session that holds the lock`,
    });
  return found;
}

const standby: HealthCheck = {
  name: 'replication-lag',
  type: 'replication',
  what: 'replicas of this server, or this server as a replica',
  run: async (query) => {
    const [self] = await query<{ replica: boolean; lag: number | null; behind: number | null }>(`
      SELECT pg_catalog.pg_is_in_recovery() AS replica,
        CASE WHEN pg_catalog.pg_is_in_recovery() AND pg_catalog.pg_last_wal_receive_lsn() IS DISTINCT FROM pg_catalog.pg_last_wal_replay_lsn()
          THEN extract(epoch FROM clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp()) END::float8 AS lag,
        CASE WHEN pg_catalog.pg_is_in_recovery()
          THEN pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn()) END::float8 AS behind`);
    if (self?.replica === true)
      return { examined: 1, problems: lagOf('this server, a replica,', self.lag, self.behind) };
    const rows = await query<{ name: string; hidden: boolean; lag: number | null; behind: number | null }>(`
      SELECT coalesce(nullif(r.application_name, ''), r.pid::text) AS name, r.state IS NULL AS hidden, extract(epoch FROM r.replay_lag)::float8 AS lag,
        pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), r.replay_lsn)::float8 AS behind FROM pg_catalog.pg_stat_replication AS r ORDER BY 1`);
    const seen = rows.filter(({ hidden }) => !hidden);
    const hidden = rows.length - seen.length;
    return {
      examined: seen.length,
      problems: seen.flatMap(({ name, lag, behind }) => lagOf(`replica ${name}`, lag, behind)),
      notSeen: notSeen(
        hidden > 0 && `${hidden} replicas hide their state: GRANT pg_read_all_stats shows it.`,
      ),
    };
  },
};

function lagOf(object: string, lag: number | null, behind: number | null): Problem[] {
  if (lag === null || lag < LAG_S.medium) return [];
  return [
    {
      severity: lag >= LAG_S.high ? 'high' : 'medium',
      object,
      evidence: `is ${Math.round(lag)} s${behind === null ? '' : ` and ${readable(behind)}`} behind`,
      fix: '-- look for long queries on the replica, its disk and the network between',
    },
  ];
}

const slots: HealthCheck = {
  name: 'replication-slots',
  type: 'replication',
  what: 'replication slots',
  run: async (query) => {
    const rows = await query<{ name: string; active: boolean; status: string | null; kept: number | null }>(`
      SELECT s.slot_name::text AS name, s.active, s.wal_status AS status,
        CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn) END::float8 AS kept
      FROM pg_catalog.pg_replication_slots AS s WHERE NOT s.temporary ORDER BY 1`);
    const problems = rows.flatMap(({ name, active, status, kept }): Problem[] => {
      const fix = `SELECT pg_drop_replication_slot('${name.replaceAll("'", "''")}'); -- when nobody needs it any more`;
      if (status === 'lost')
        return [
          {
            severity: 'high',
            object: `slot ${name}`,
            evidence: 'the log that it needs is gone; its reader cannot go on',
            fix,
          },
        ];
      if (active || (kept ?? 0) < SLOT_BYTES.medium) return [];
      return [
        {
          severity: kept! >= SLOT_BYTES.high ? 'high' : 'medium',
          object: `slot ${name}`,
          evidence: `nobody reads it, and it keeps ${readable(kept!)} of write-ahead log on disk`,
          fix,
        },
      ];
    });
    return { examined: rows.length, problems };
  },
};

/** Connections, sessions and replication. */
export const SERVER_CHECKS: readonly HealthCheck[] = [connections, sessions, standby, slots];
