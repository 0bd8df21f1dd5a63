import { createHmac, createSecretKey } from 'node:crypto';
import type { LanportConfig } from '../config/load.ts';
import { createRedactor } from '../core/redact.ts';
import { BodyWriter } from '../ledger/body-writer.ts';
import type { ChainKey } from '../ledger/chain-key.ts';
import { Recorder } from '../ledger/recorder.ts';
import type { DeploymentRow, Store } from '../store/store-ports.ts';
import type { BufferedLog } from '../telemetry/log.ts';
import { knownSecrets } from './known-secrets.ts';

export interface RecordingDeps {
  /** Of the ledger; codes that stand for secrets are made with one that is derived from it. */
  readonly key: ChainKey;
  readonly store: Pick<Store, 'bodies' | 'deployments'>;
  readonly log: BufferedLog;
  readonly now: () => number;
  /** Hears which days' bodies were removed. */
  readonly onPurged?: (days: readonly string[]) => void;
}

const PURGE_EVERY_MS = 60 * 60_000;

/** How calls are recorded, by the configuration that is in force: what is a secret, how much is kept, for how long. */
export class Recording implements AsyncDisposable {
  readonly #deps: RecordingDeps;
  readonly #bodies: BodyWriter | undefined;
  #purging: NodeJS.Timeout | undefined;
  #config: LanportConfig;
  #recorder: Recorder;

  constructor(config: LanportConfig, deps: RecordingDeps) {
    this.#deps = deps;
    const { bodies } = deps.store;
    this.#bodies = bodies === undefined ? undefined : new BodyWriter(bodies, deps.log);
    this.#config = config;
    this.#recorder = this.#build(config);
  }

  /** By the configuration that is in force. */
  get recorder(): Recorder {
    return this.#recorder;
  }

  /** Puts a configuration in force. */
  use(config: LanportConfig): void {
    this.#config = config;
    this.#recorder = this.#build(config);
  }

  /** Begins to remove what is old. */
  start(deployments: readonly DeploymentRow[]): void {
    this.noteDeployments(deployments);
    void this.purge();
    this.#purging = setInterval(() => void this.purge(), PURGE_EVERY_MS).unref();
  }

  /** Keeps who answers under the ids that records name. Never waits. */
  noteDeployments(deployments: readonly DeploymentRow[]): void {
    const { store, log } = this.#deps;
    const clean = deployments.map((row) => ({ ...row, apiBase: this.#recorder.redactor.text(row.apiBase) }));
    store.deployments
      ?.save(clean)
      .catch((error: unknown) => log.warn('the deployments could not be kept for the ledger', { error }));
  }

  /** Waits for bodies that are on their way. */
  async flush(): Promise<void> {
    await this.#bodies?.flush();
  }

  /** Removes bodies that are old enough; returns the days that are gone. Never rejects. */
  async purge(): Promise<readonly string[]> {
    const { store, log, now, onPurged } = this.#deps;
    if (store.bodies === undefined) return [];
    try {
      const days = await store.bodies.dropBefore(now() - this.#config.ledger.recording.bodyRetentionMs);
      if (days.length > 0) {
        log.info('bodies of calls were removed, because they were old', { days });
        onPurged?.(days);
      }
      return days;
    } catch (error) {
      log.warn('old bodies of calls could not be removed', { error });
      return [];
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#purging);
    await this.#bodies?.[Symbol.asyncDispose]();
  }

  #build(config: LanportConfig): Recorder {
    const { recording } = config.ledger;
    const { key, log } = this.#deps;
    const redactor = createRedactor({
      key: createSecretKey(createHmac('sha256', key.key).update('lanport redaction').digest()),
      names: recording.redactNames,
      patterns: recording.redactPatterns,
      values: knownSecrets(config),
    });
    log.setRedaction((text) => redactor.text(text));
    const wantsBodies = [recording.defaultLevel, ...recording.levels.map(({ level }) => level)].some(
      (level) => level === 'request' || level === 'response',
    );
    if (wantsBodies && this.#bodies === undefined)
      log.warn('requests and answers are not kept: that needs a database (ledger.levels)', {});
    return new Recorder({ redactor, config: recording, bodies: this.#bodies });
  }
}
