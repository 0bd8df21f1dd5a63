import { diffConfig, isEmptyDiff, LIVE_LIMITS, needsRestart } from '../config/diff.ts';
import type { LanportConfig } from '../config/load.ts';
import type { Bounds } from '../core/bounds.ts';
import type { Clock } from '../core/clock.ts';
import type { Secret } from '../core/secret.ts';
import type { BrowserGuardOptions } from '../edge/browser-guard.ts';
import type { Edge } from '../edge/server.ts';
import type { Exchange } from '../gateway/exchange.ts';
import type { OpenDirectory } from '../keys/open-directory.ts';
import { type Calendar, calendarOf } from '../limits/budget-period.ts';
import type { Mcp } from '../mcp/mcp.ts';
import type { BufferedLog } from '../telemetry/log.ts';
import { type Access, createAccess, type OnRefused, requireKey } from './access.ts';
import type { ConfigChange } from './reload.ts';

/** What takes a new configuration while it runs. */
export interface LiveParts {
  readonly mcp: Pick<Mcp, 'reconfigure' | 'listeners'>;
  readonly edge: Pick<Edge, 'setBrowser' | 'closeStreamsUnless'>;
  readonly log: BufferedLog;
}

/** The configuration in force, and what is derived from it. */
export class LiveConfig {
  /** The limits in force: one object that parts keep, and in which a reload changes those of LIVE_LIMITS. */
  readonly bounds: Bounds;
  readonly #bounds: { -readonly [Name in keyof Bounds]: Bounds[Name] };
  readonly #started: LanportConfig;
  readonly #clock: Clock;
  readonly #directory: OpenDirectory;
  readonly #onRefused: OnRefused | undefined;
  #config: LanportConfig;
  #access: Access;
  #calendar: Calendar;

  constructor(
    config: LanportConfig,
    masterKey: Secret | undefined,
    clock: Clock,
    directory: OpenDirectory,
    onRefused?: OnRefused,
  ) {
    this.#onRefused = onRefused;
    this.#bounds = { ...config.limits };
    this.bounds = this.#bounds;
    this.#started = config;
    this.#config = config;
    this.#clock = clock;
    this.#directory = directory;
    this.#calendar = calendarOf(config.usage.timeZone);
    this.#access = createAccess(config, masterKey, clock, directory, onRefused);
    directory.useConfigured(this.#access.configured);
  }

  get access(): Access {
    return this.#access;
  }

  /** The files that it was read from. */
  get files(): readonly string[] {
    return this.#config.files;
  }

  /** What calls of tools cost, by server. */
  get toolCosts(): LanportConfig['usage']['toolCosts'] {
    return this.#config.usage.toolCosts;
  }

  /** Which budget periods follow. */
  get calendar(): Calendar {
    return this.#calendar;
  }

  /** What accounts get that are made over the API. */
  get accountDefaults(): LanportConfig['accounts'] {
    return this.#config.accounts;
  }

  /** Whether the metrics take no key. */
  get metricsPublic(): boolean {
    return this.#config.telemetry.metricsPublic;
  }

  get browser(): BrowserGuardOptions {
    return { allowedHosts: this.#config.edge.allowedHosts, checkHost: this.#access.isOpen };
  }

  /**
   * Puts `next` in force. What can be refused is done first, and rejects; then everything is exchanged at once, between two requests.
   * Resolves when the servers that were given up are closed.
   */
  async apply(next: LanportConfig, masterKey: Secret | undefined, parts: LiveParts): Promise<ConfigChange> {
    requireKey(next, masterKey, this.#started.edge.host);
    requireKey(next, masterKey, next.edge.host);
    const access = createAccess(next, masterKey, this.#clock, this.#directory, this.#onRefused);
    const change = { ...diffConfig(this.#config, next), needsRestart: needsRestart(this.#started, next) };
    const before = this.#access;
    this.#config = next;
    this.#access = access;
    this.#calendar = calendarOf(next.usage.timeZone);
    this.#directory.useConfigured(access.configured);
    for (const name of LIVE_LIMITS) this.#bounds[name] = next.limits[name];
    parts.log.setLevel(next.log.level);
    parts.edge.setBrowser(this.browser);
    closeStreams(parts, (exchange) => isSamePrincipal(exchange, before, access));
    if (!isEmptyDiff(change)) await parts.mcp.reconfigure(next.mcp);
    return change;
  }

  /** From now on, streams are closed as soon as their keys are not valid any more, and the others hear what they may see now. Returns the way to stop it. */
  followKeys(parts: LiveParts): () => void {
    return this.#directory.onChange(() => {
      const access = this.#access;
      closeStreams(parts, (exchange) => access.mayListen(exchange));
      // Those that stay may see other tools now.
      parts.mcp.listeners.changed();
    });
  }
}

function closeStreams(
  { edge, log }: Pick<LiveParts, 'edge' | 'log'>,
  mayStay: (exchange: Exchange) => boolean,
): void {
  const closed = edge.closeStreamsUnless(mayStay);
  if (closed > 0) log.info('streams were closed, because their keys are not valid any more', { closed });
}

/** Whether whoever opened a stream would still be let in, and as the same principal. */
function isSamePrincipal(exchange: Exchange, before: Access, after: Access): boolean {
  const principal = after.identify(exchange);
  return principal !== undefined && principal.id === before.identify(exchange)?.id;
}
