import type { ServerConfig } from '../mcp-ports.ts';
import { type Attempt, attempt } from './attempt.ts';
import type { DiagnosisCode } from './codes.ts';
import { changesTo, type Detour, detoursFor, type HttpPlace } from './detours.ts';
import type { AsWritten, DiagnoseDeps } from './diagnosis.ts';
import { type Evidence, gatherEvidence } from './evidence.ts';
import { type Cause, httpCause } from './http-cause.ts';
import { type Findings, placeWords, workingFindings } from './findings.ts';

/** Causes that a detour to another scheme or host removes, whatever path it ends at. */
const OTHER_ADDRESS: ReadonlySet<DiagnosisCode> = new Set([
  'tls-needed',
  'tls-not-spoken',
  'container-name',
  'container-loopback',
]);

/** Diagnoses a server that is reached over HTTP: as declared; when that fails, why, and where it is instead. */
export async function diagnoseHttp(
  config: ServerConfig,
  written: AsWritten,
  deps: DiagnoseDeps,
): Promise<Findings> {
  const declared: HttpPlace = { transport: config.transport === 'sse' ? 'sse' : 'http', url: config.url! };
  const attempts = await tryAt(config, declared, deps);
  const working = bestOf(attempts);
  if (working !== undefined) return worksAsResolved(config, declared, working, attempts, written);

  const evidence: Evidence = attempts.every(
    ({ failure }) => failure?.kind === 'timeout' && failure.phase === 'open',
  )
    ? { kind: 'hang' }
    : await gatherEvidence(config, declared, deps);
  const cause = await httpCause(config, evidence, attempts, deps);
  const detours = detoursFor(config, declared, cause, written);
  const results = await Promise.all(detours.map((detour) => tryAt(detour.config, detour.place, deps)));
  const tried = [...attempts, ...results.flat()].map((one) => one.tried);
  const at = results.findIndex((result, index) => !detours[index]!.withheld && bestOf(result) !== undefined);
  if (at < 0) return { ...brokenFindings(config, cause, detours, results, written), tried };
  const detour = detours[at]!;
  const works = bestOf(results[at]!)!.works!;
  return {
    code: codeOf(config, cause, detour),
    words: `${cause.words} It works ${detour.otherAuth ? 'with another auth_type' : `as ${placeWords(works)}`}.`,
    tried,
    works,
    fix: detour.changes,
  };
}

/** One address over one transport, in each era that the transport has, at the same time. */
function tryAt(config: ServerConfig, place: HttpPlace, deps: DiagnoseDeps): Promise<readonly Attempt[]> {
  const eras = place.transport === 'sse' ? (['legacy'] as const) : (['modern', 'legacy'] as const);
  return Promise.all(eras.map((era) => attempt(config, { ...place, era }, deps.attemptMs, deps)));
}

/** The newest era that works, as the gateway prefers it. */
function bestOf(attempts: readonly Attempt[]): Attempt | undefined {
  return attempts.find(({ works }) => works !== undefined);
}

function worksAsResolved(
  config: ServerConfig,
  declared: HttpPlace,
  working: Attempt,
  attempts: readonly Attempt[],
  written: AsWritten,
): Findings {
  const fix = changesTo(config, declared, written);
  const tried = attempts.map((one) => one.tried);
  if (fix.length === 0) return { ...workingFindings(working), tried };
  return {
    code: 'wrong-transport',
    words: `The entry says transport: ${written.transport ?? ''}, but has a url; it works as ${placeWords(working.works!)}.`,
    tried,
    works: working.works,
    fix,
  };
}

function codeOf(config: ServerConfig, cause: Cause, { otherAuth, place }: Detour): DiagnosisCode {
  if (otherAuth) return 'auth-type-wrong';
  if (OTHER_ADDRESS.has(cause.code)) return cause.code;
  if (cause.code === 'redirect' && place.url === cause.location) return cause.code;
  return place.url === config.url ? 'wrong-transport' : 'wrong-path';
}

/** Nothing works; an attempt elsewhere may still have shown the address, with its own trouble. */
function brokenFindings(
  config: ServerConfig,
  cause: Cause,
  detours: readonly Detour[],
  results: readonly (readonly Attempt[])[],
  written: AsWritten,
): Omit<Findings, 'tried'> {
  const own = cause.suggestion ?? [];
  const there = results.findIndex(
    (result, index) =>
      !detours[index]!.otherAuth &&
      result.some(({ works, failure }) => works !== undefined || failure?.kind === 'auth'),
  );
  if (there >= 0) {
    const { place, withheld } = detours[there]!;
    const asked = results[there]!.some(({ failure }) => failure?.kind === 'auth');
    return {
      code: cause.code,
      words: `${cause.words} At ${place.url} something ${asked ? 'asks for credentials' : 'speaks MCP'}, so that is probably the address.${withheld ? ' The credentials of the entry were not sent there.' : ''}`,
      suggestion: [...changesTo(config, place, written), ...own],
    };
  }
  const swapped = cause.code === 'tls-needed' || cause.code === 'tls-not-spoken';
  if (swapped && detours[0] !== undefined) {
    const [first] = results[0] ?? [];
    return {
      code: cause.code,
      words: `${cause.words} At ${detours[0].place.url}: ${first?.tried.outcome ?? 'nothing'}.`,
      suggestion: [...detours[0].changes, ...own],
    };
  }
  const location =
    cause.location !== undefined && detours.every(({ place }) => place.url !== cause.location)
      ? [{ path: ['url'], value: cause.location }]
      : [];
  return { code: cause.code, words: cause.words, suggestion: [...location, ...own] };
}
