import type { Secret } from '../../core/secret.ts';
import type { Bounds } from '../../core/bounds.ts';
import type { HttpClient } from '../../net/http-client.ts';
import type { InProcessServer, ServerConfig } from '../mcp-ports.ts';
import type { Identity } from '../wire/outbound.ts';
import type { Era } from '../wire/revisions.ts';
import type { DiagnosisCode } from './codes.ts';

/** How a server was, or may be, spoken to. */
export type Way = 'stdio' | 'http' | 'sse' | 'in-process';

/** One way that was tried, and what came of it. */
export interface Tried {
  readonly transport: Way;
  readonly era: Era;
  /** Address, or command without its arguments, which may hold secrets. */
  readonly at: string;
  readonly ok: boolean;
  /** Without a final period. */
  readonly outcome: string;
}

/** How the server works. */
export interface Works {
  readonly transport: Way;
  readonly url: string | undefined;
  readonly revision: string;
  /** Number of tools that it lists. */
  readonly tools: number;
}

/** A change of one value of a server's entry. `path` is relative to the entry. */
export type Change =
  | { readonly path: readonly string[]; readonly value: string }
  /** A new item of a list, before the item that is at this place now. */
  | { readonly path: readonly string[]; readonly insertAt: number; readonly item: string };

export interface Diagnosis {
  readonly server: string;
  /** The first root cause; `ok` when there is nothing to say. */
  readonly code: DiagnosisCode;
  /** `works`: as declared. `change`: works, but something should be changed. `broken`: does not work. */
  readonly verdict: 'works' | 'change' | 'broken';
  /** What is the matter, in sentences. */
  readonly words: string;
  /** What to do about it, in general. */
  readonly advice: string;
  readonly tried: readonly Tried[];
  readonly works: Works | undefined;
  /** Changes with which it was seen to work; empty when none is needed or known. */
  readonly fix: readonly Change[];
  /** What probably has to be written, with placeholders that a person fills in. */
  readonly suggestion: readonly Change[];
  /** The last lines of a program's stderr. */
  readonly stderr: string | undefined;
}

/** What the configuration says beyond what ServerConfig keeps. */
export interface AsWritten {
  /** `transport` as it stands in the file. */
  readonly transport?: string | undefined;
  /** `auth_value` or `authentication_token`, sent or not. */
  readonly credential?: Secret | undefined;
}

export interface DiagnoseDeps {
  /** With a time for connecting that is below `attemptMs`. */
  readonly http: HttpClient;
  readonly bounds: Bounds;
  readonly inProcess: ReadonlyMap<string, (config: ServerConfig) => InProcessServer>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly identity: Identity;
  /** Whether this process runs inside a container. */
  readonly inContainer: boolean;
  /** Milliseconds for one attempt over HTTP; a program has `startTimeoutMs` of its entry. */
  readonly attemptMs: number;
  /** Gives up; the diagnosis then rejects, and nothing is left running. */
  readonly signal: AbortSignal;
}
