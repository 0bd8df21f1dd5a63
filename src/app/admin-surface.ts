import type { AdminDeps, AdminModels, AuditedAction } from '../admin/admin-ports.ts';
import { handleAdmin } from '../admin/handle-admin.ts';
import { openApiDocument } from '../admin/openapi.ts';
import type { Clock } from '../core/clock.ts';
import type { Handlers } from '../edge/server.ts';
import type { Journal } from '../gateway/journal.ts';
import type { OpenDirectory } from '../keys/open-directory.ts';
import type { Audit } from '../ledger/audit.ts';
import type { Ledger } from '../ledger/ledger-ports.ts';
import type { Mcp } from '../mcp/mcp.ts';
import type { Store } from '../store/store-ports.ts';
import type { Log } from '../telemetry/log.ts';
import { adminCaller } from './access.ts';
import type { LiveConfig } from './live-config.ts';
import type { Recording } from './recording.ts';
import { VERSION } from './version.ts';

interface AdminSurfaceDeps {
  readonly live: LiveConfig;
  readonly mcp: Mcp;
  readonly models: () => AdminModels;
  readonly directory: OpenDirectory;
  readonly store: Store;
  readonly ledger: Ledger;
  readonly log: Log;
  readonly clock: Clock;
  readonly reload: AdminDeps['reload'];
  readonly acts: Audit;
  readonly onStop: AdminDeps['onStop'];
  readonly journal: Journal;
  readonly recording: Recording;
}

/** How long a query waits for what was recorded to be in the store, in milliseconds. */
const FLUSH_MS = 1_000;
/** What was asked and answered, in one answer of the API. */
const BODIES_BYTES_MAX = 32 * 1024 * 1024;

/** The operator API as the edge serves it. */
export function adminHandler(deps: AdminSurfaceDeps): Handlers['admin'] {
  const { live, mcp, directory, store, ledger, log, clock, reload, journal, recording } = deps;
  const flush = (): Promise<void> => ledger.flush(AbortSignal.timeout(FLUSH_MS)).catch(() => undefined);
  const audit: AuditedAction = (action, principal, details) =>
    log.info('admin', { action, key: principal.id, ...details });
  let description: ReturnType<AdminDeps['description']> | undefined;
  return (exchange, route) =>
    handleAdmin(exchange, route, adminCaller(exchange, live.access), {
      mcp,
      log,
      version: VERSION,
      accessGroups: live.access.accessGroups,
      bodiesOf: async (calls) => {
        await recording.flush();
        return (await store.bodies?.load(calls, BODIES_BYTES_MAX)) ?? [];
      },
      onStop: deps.onStop,
      onCallEnd: (listener) => journal.onEnd(listener),
      redactor: () => recording.recorder.redactor,
      keys: directory,
      accountDefaults: live.accountDefaults,
      spend: store.spend,
      flush,
      models: deps.models(),
      now: () => clock.now(),
      calendar: live.calendar,
      description: () => (description ??= openApiDocument(VERSION)),
      reload,
      audit,
      acts: deps.acts,
    });
}
