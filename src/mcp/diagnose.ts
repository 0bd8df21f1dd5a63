import { DIAGNOSES } from './diagnosis/codes.ts';
import type { AsWritten, DiagnoseDeps, Diagnosis } from './diagnosis/diagnosis.ts';
import type { Findings } from './diagnosis/findings.ts';
import { diagnoseHttp } from './diagnosis/http-server.ts';
import { diagnoseLocal } from './diagnosis/local-server.ts';
import { redactorOf } from './diagnosis/redact.ts';
import type { ServerConfig } from './mcp-ports.ts';

export type { AsWritten, Change, DiagnoseDeps, Diagnosis } from './diagnosis/diagnosis.ts';

/**
 * Tries a server in every way that it may be reached, each with a deadline, and says why it does not work as declared, how it works,
 * and what to change. Nothing is left running. Rejects only when `deps.signal` gives up.
 */
export async function diagnoseServer(
  config: ServerConfig,
  written: AsWritten,
  deps: DiagnoseDeps,
): Promise<Diagnosis> {
  const overHttp = config.transport === 'http' || config.transport === 'sse';
  const found = await (overHttp ? diagnoseHttp : diagnoseLocal)(config, written, deps);
  deps.signal.throwIfAborted();
  return complete(config, found, written);
}

function complete(config: ServerConfig, found: Findings, written: AsWritten): Diagnosis {
  const redact = redactorOf(config, written);
  const verdict = found.works === undefined ? 'broken' : found.code === 'ok' ? 'works' : 'change';
  return {
    server: config.name,
    code: found.code,
    verdict,
    words: redact(found.words),
    advice: DIAGNOSES[found.code].act,
    tried: found.tried.map((one) => ({ ...one, outcome: redact(one.outcome) })),
    works: found.works,
    fix: found.fix ?? [],
    suggestion: found.suggestion ?? [],
    stderr: found.stderr === undefined ? undefined : redact(found.stderr),
  };
}
