import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LedgerEntry } from '../ledger-rows.ts';
import { ROOT } from '../process.ts';
import type { CallSeen, ListSeen } from './load.ts';
import type { Outcome } from './outcome.ts';

/** When there was no gateway: from the signal that ended it until it was ready again. Times are of `performance.now()`. */
export interface Outage {
  readonly signal: 'SIGTERM' | 'SIGKILL';
  readonly from: number;
  readonly to: number;
}

/** A client learns of the end of a connection a little later than it is ended, and its next attempt is on its way a little earlier. */
const AROUND_OUTAGE_MS = 2_000;
/** Ends are written after the answer; those of the last moment before SIGKILL may be missing, and are closed as unknown at the next start. */
const END_WRITTEN_MS = 2_000;
const NONCE = /n\d+x\d+/g;

/** Codes that no trouble of a server explains: the caller, the operator or the gateway itself would be at fault. */
const NOT_OF_SERVERS =
  /^(auth-|address-|origin-|host-|admin-|server-unknown|tool-|prompt-|resource-|rpc-|route-|method-|body-|json-|meta-|header-|version-|internal|session-|ledger-)/;

/** Every code of docs/reference/errors.md. */
function documentedCodes(): Set<string> {
  const text = readFileSync(join(ROOT, 'docs/reference/errors.md'), 'utf8');
  const codes = new Set([...text.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, code]) => code!));
  if (codes.size < 20)
    throw new Error('docs/reference/errors.md lists hardly any code: has its form changed?');
  return codes;
}

const told = ({ nonce, client, server, tool, outcome }: CallSeen): string =>
  `${nonce} of ${client} to ${server}-${tool}: ${JSON.stringify(outcome)}`;

const duringOutage = (outages: readonly Outage[], { from, to }: { from: number; to: number }): boolean =>
  outages.some((outage) => from < outage.to + AROUND_OUTAGE_MS && to > outage.from - AROUND_OUTAGE_MS);

/** Calls whose answer is not theirs. */
export function wrongAnswers(calls: readonly CallSeen[]): string[] {
  return calls
    .filter(({ nonce, tool, outcome }) => {
      const foreign = (outcome.text.match(NONCE) ?? []).some((found) => found !== nonce);
      if (foreign || outcome.kind !== 'result' || outcome.isError) return foreign;
      return tool === 'execute_sql' ? !outcome.text.includes(nonce) : outcome.text !== nonce;
    })
    .map(told);
}

/** Failures that are neither a documented error that a server's trouble explains nor the loss of a gateway that was ended. */
export function unexplainedFailures(
  calls: readonly CallSeen[],
  lists: readonly ListSeen[],
  outages: readonly Outage[],
): string[] {
  const documented = documentedCodes();
  const isExplained = (outcome: Outcome, when: { from: number; to: number }): boolean => {
    if (outcome.kind === 'lost') return duringOutage(outages, when);
    if (outcome.code === 'shutting-down') return duringOutage(outages, when);
    return outcome.code !== undefined && documented.has(outcome.code) && !NOT_OF_SERVERS.test(outcome.code);
  };
  const failed = calls.filter(
    (call) =>
      (call.outcome.kind !== 'result' || call.outcome.code !== undefined) && !isExplained(call.outcome, call),
  );
  // The connector says in its own words what is wrong with its database; the test's servers never fail by themselves.
  const refused = calls.filter(
    ({ tool, outcome }) =>
      outcome.kind === 'result' && outcome.isError && outcome.code === undefined && tool !== 'execute_sql',
  );
  const listless = lists.filter(
    ({ failure, ...when }) => failure !== undefined && !isExplained(failure, when),
  );
  return [
    ...failed.map(told),
    ...refused.map(told),
    ...listless.map(({ client, failure }) => `list of ${client}: ${JSON.stringify(failure)}`),
  ];
}

/** Lists that lack a tool that was there before. */
export function shrunkLists(lists: readonly ListSeen[], before: readonly string[]): string[] {
  return lists.flatMap(({ client, names }) => {
    const missing = names === undefined ? [] : before.filter((name) => !names.includes(name));
    return missing.length === 0 ? [] : [`${client} did not see ${missing.join(', ')}`];
  });
}

/** Calls of a tool that may take effect once which took effect more often, or which were answered and did not. */
export function wrongEffects(calls: readonly CallSeen[], effects: readonly string[]): string[] {
  const times = new Map<string, number>();
  for (const nonce of effects) times.set(nonce, (times.get(nonce) ?? 0) + 1);
  const often = [...times]
    .filter(([, count]) => count > 1)
    .map(([nonce, count]) => `${nonce} took effect ${count} times`);
  const never = calls.filter(
    ({ tool, outcome, nonce }) =>
      tool === 'write' && outcome.kind === 'result' && !outcome.isError && !times.has(nonce),
  );
  return [...often, ...never.map((call) => `answered without effect: ${told(call)}`)];
}

/** Where the ledger and the clients tell different stories. */
export function ledgerDisagreements(
  calls: readonly CallSeen[],
  rows: readonly LedgerEntry[],
  outages: readonly Outage[],
): string[] {
  const byTrace = Map.groupBy(rows, ({ traceId }) => traceId);
  const unended = rows.filter(({ status, endedAt }) => status === undefined || endedAt === undefined);
  const disagreements = calls.flatMap((call) => {
    const found = byTrace.get(call.traceId) ?? [];
    if (found.length > 1) return [`${found.length} rows for ${told(call)}`];
    const [row] = found;
    // What never was answered may have got as far as the ledger or not; what the edge refused while stopping did not.
    if (call.outcome.kind === 'lost' || call.outcome.code === 'shutting-down') return [];
    if (row === undefined) return [`no row for ${told(call)}`];
    if (row.server !== call.server) return [`a row of server ${row.server} for ${told(call)}`];
    const lastMoment = outages.some(
      ({ signal, from }) =>
        signal === 'SIGKILL' && call.to <= from + AROUND_OUTAGE_MS && call.to > from - END_WRITTEN_MS,
    );
    if (row.status === 'unknown' && lastMoment) return [];
    return matches(call.outcome, row)
      ? []
      : [`${row.status} ${row.errorCode ?? ''} in the ledger for ${told(call)}`];
  });
  return [...unended.map(({ id }) => `row ${id} has no end`), ...disagreements];
}

function matches(outcome: Outcome, { status, errorCode }: LedgerEntry): boolean {
  if (outcome.kind === 'result' && outcome.code === undefined)
    return status === (outcome.isError ? 'tool-error' : 'ok');
  return (status === 'error' || status === 'timeout') && errorCode === (outcome as { code?: string }).code;
}
