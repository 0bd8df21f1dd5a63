import type { ConfigDiff } from '../config/diff.ts';
import { type FileStamps, FileWatch } from '../config/file-watch.ts';
import type { InspectedConfig, LanportConfig } from '../config/load.ts';
import { formatProblem } from '../config/problem.ts';
import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import { errorChain, type Log } from '../telemetry/log.ts';
import { StartupError } from './startup-error.ts';

/** What asked for a reload. */
export type ReloadTrigger = 'signal' | 'file' | 'admin' | 'neighbour';

/** A configuration as it was read; `config` is `undefined` when it has errors. */
export interface ReadConfig extends Pick<InspectedConfig, 'config' | 'problems'> {
  /** The files to watch: every one that was read or looked for, be it in vain. */
  readonly stamps: FileStamps;
}

/** What a new configuration did to the running gateway. */
export interface ConfigChange extends ConfigDiff {
  /** Settings that differ from those in force and are applied at the next start. */
  readonly needsRestart: readonly string[];
}

/** How a reload ended. `problems` are lines as `lanport config check` prints them. */
export type ReloadOutcome =
  | { readonly ok: true; readonly change: ConfigChange; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** What /health tells of the configuration. */
export interface ConfigState {
  /** RFC 3339: when the configuration that is served was read. */
  readonly loadedAt: string;
  /** RFC 3339: when a newer one was refused, and why; `undefined` while the newest one is served. */
  readonly refusedAt: string | undefined;
  readonly problems: readonly string[];
  readonly needsRestart: readonly string[];
}

export interface ReloadDeps {
  /** Reads and checks the configuration. */
  readonly read: () => Promise<ReadConfig>;
  /** Puts a checked configuration in force, whole or, when it throws, not at all. */
  readonly apply: (config: LanportConfig) => Promise<ConfigChange>;
  /** The files that the gateway was started with, to be watched. */
  readonly stamps: FileStamps;
  /** Hears how each reload ended. */
  readonly onDone?: (trigger: ReloadTrigger, outcome: ReloadOutcome) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Replaces the configuration of a running gateway, one reload at a time. All that are asked for while one runs share the next one,
 * which begins after it: a file may have changed since the one that runs has read it.
 */
export class Reload implements AsyncDisposable {
  readonly #deps: ReloadDeps;
  readonly #watch: FileWatch;
  #state: ConfigState;
  #running: Promise<unknown> | undefined;
  #next: Promise<ReloadOutcome> | undefined;
  #closed = false;
  /** How many reloads ended how. */
  readonly counts = { applied: 0, refused: 0 };

  constructor(deps: ReloadDeps) {
    this.#deps = deps;
    this.#watch = new FileWatch(() => void this.request('file').catch(() => undefined));
    this.#state = { loadedAt: this.#now(), refusedAt: undefined, problems: [], needsRestart: [] };
  }

  /** Begins to watch the files. */
  start(): void {
    this.#watch.watch(this.#deps.stamps);
  }

  get state(): ConfigState {
    return this.#state;
  }

  /** Reloads. Rejects only when the gateway is stopping (GatewayError `shutting-down`). */
  request(trigger: ReloadTrigger): Promise<ReloadOutcome> {
    if (this.#closed) return Promise.reject(new GatewayError('shutting-down'));
    if (this.#next !== undefined) return this.#next;
    const before = this.#running ?? Promise.resolve();
    const next: Promise<ReloadOutcome> = before.then(() => {
      this.#next = undefined;
      this.#running = next;
      if (this.#closed) throw new GatewayError('shutting-down');
      return this.#run(trigger).then((outcome) => {
        this.#deps.onDone?.(trigger, outcome);
        return outcome;
      });
    });
    this.#next = next;
    return next;
  }

  /** Takes no more reloads and waits for the one that runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#watch[Symbol.dispose]();
    await Promise.allSettled([this.#running, this.#next]);
  }

  async #run(trigger: ReloadTrigger): Promise<ReloadOutcome> {
    try {
      const read = await this.#deps.read();
      this.#watch.watch(read.stamps);
      const problems = [...new Set(read.problems.map(formatProblem))];
      if (read.config === undefined) return this.#refuse(trigger, problems);
      return this.#accept(trigger, await this.#deps.apply(read.config), problems);
    } catch (error) {
      return this.#refuse(trigger, [error instanceof StartupError ? error.message : errorChain(error)]);
    }
  }

  #refuse(trigger: ReloadTrigger, problems: readonly string[]): ReloadOutcome {
    this.counts.refused++;
    this.#state = { ...this.#state, refusedAt: this.#now(), problems };
    this.#deps.log.error('the configuration was not reloaded; the one before goes on serving', {
      trigger,
      problems,
    });
    return { ok: false, problems };
  }

  #accept(trigger: ReloadTrigger, change: ConfigChange, warnings: readonly string[]): ReloadOutcome {
    const { servers, keys, settings, needsRestart } = change;
    this.counts.applied++;
    this.#state = { loadedAt: this.#now(), refusedAt: undefined, problems: [], needsRestart };
    for (const problem of warnings) this.#deps.log.warn('configuration', { problem });
    this.#deps.log.info('the configuration was reloaded', { trigger, servers, keys, settings });
    if (needsRestart.length > 0)
      this.#deps.log.warn('changed settings need a restart', { settings: needsRestart });
    return { ok: true, change, warnings };
  }

  #now(): string {
    return new Date(this.#deps.clock.now()).toISOString();
  }
}
