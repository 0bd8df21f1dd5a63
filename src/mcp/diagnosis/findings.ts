import type { Attempt } from './attempt.ts';
import type { DiagnosisCode } from './codes.ts';
import type { Change, Tried, Works } from './diagnosis.ts';

/** What a diagnosis found, before it is completed and cleaned of secrets. */
export interface Findings {
  readonly code: DiagnosisCode;
  readonly words: string;
  readonly tried: readonly Tried[];
  readonly works?: Works | undefined;
  readonly fix?: readonly Change[];
  readonly suggestion?: readonly Change[];
  readonly stderr?: string | undefined;
}

/** The server works as declared; perhaps there is something to say all the same. */
export function workingFindings({ works, tried, noise }: Attempt): Findings {
  const base = { tried: [tried], works };
  if (noise.length > 0)
    return {
      ...base,
      code: 'stdout-noise',
      words: `It works, but prints ${noise.length === 1 ? 'a line that is' : 'lines that are'} no message on standard output, for example ${quoted(noise)}.`,
    };
  if (works!.tools === 0)
    return { ...base, code: 'no-tools', words: `It works as ${placeWords(works!)}, but lists no tools.` };
  return { ...base, code: 'ok', words: `It works as ${placeWords(works!)}.` };
}

/** The first line that is no message, as it may stand in a sentence. */
export function quoted(noise: readonly string[]): string {
  return JSON.stringify((noise.find((line) => line.trim() !== '') ?? '').slice(0, 120));
}

/** `HTTP+SSE at http://… (protocol 2024-11-05, 9 tools)`. */
export function placeWords({ transport, url, revision, tools }: Works): string {
  const kind = {
    stdio: 'stdio',
    http: 'streamable HTTP',
    sse: 'HTTP+SSE',
    'in-process': 'a built-in connector',
  }[transport];
  return `${kind}${url === undefined ? '' : ` at ${url}`} (protocol ${revision}, ${tools} ${tools === 1 ? 'tool' : 'tools'})`;
}
