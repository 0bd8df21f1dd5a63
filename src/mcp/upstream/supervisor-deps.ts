import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { RpcNotification } from '../wire/message.ts';
import type { Identity } from '../wire/outbound.ts';
import type { TransportFactory } from './connect.ts';

/** What supervisors share. */
export interface SupervisorDeps {
  readonly catalog: Catalog;
  readonly transports: TransportFactory;
  readonly identity: Identity;
  readonly log: Log;
  readonly clock: Clock;
  /** A number from 0 to 1, for jitter. */
  readonly random: () => number;
  readonly onResourceUpdated: (server: string, uri: string, notification: RpcNotification) => void;
  readonly onTask: (server: string, notification: RpcNotification) => void;
}
