import type { Attempt } from './attempt.ts';
import type { DiagnosisCode } from './codes.ts';

const UNKNOWN_METHOD = -32601;

/** What is wrong with a server that did answer with JSON-RPC, over any transport; `undefined` when none did. */
export function rpcCause(
  attempts: readonly Attempt[],
): { readonly code: DiagnosisCode; readonly words: string } | undefined {
  for (const { failure } of attempts)
    if (failure?.phase === 'tools')
      return {
        code: 'tools-refused',
        words: `The handshake succeeded, but the list of tools failed: ${failure.text}.`,
      };
  for (const { failure } of attempts) {
    if (failure?.revision !== undefined)
      return {
        code: 'revision-unknown',
        words: `The server answered the handshake with the protocol revision ${failure.revision}, which is not known here.`,
      };
  }
  const errors = attempts.flatMap(({ failure }) => failure?.error ?? []);
  // That a method is unknown only says that the server is of the other era.
  const first = errors.find(({ code }) => code !== UNKNOWN_METHOD) ?? errors[0];
  if (first !== undefined)
    return /protocol.?version|unsupported.*(?:version|revision)|revision/i.test(first.message)
      ? {
          code: 'revision-unknown',
          words: `The server refused every protocol revision that is known here: ${first.code} ${JSON.stringify(first.message)}.`,
        }
      : {
          code: 'handshake-refused',
          words: `The server refused the handshake: error ${first.code} ${JSON.stringify(first.message)}.`,
        };
  const [odd] = attempts.flatMap(({ failure }) => (failure?.phase === 'handshake' ? [failure] : []));
  return odd === undefined
    ? undefined
    : { code: 'handshake-refused', words: `The handshake failed: ${odd.text}.` };
}
