import type { TestGateway } from '../gateway.ts';
import { inspect } from './inspector.ts';
import { residentBytes, socketsOf } from './processes.ts';

/** What a gateway holds at one moment. */
export interface Holdings {
  readonly sockets: number;
  readonly residentBytes: number;
  /** After a full collection. */
  readonly liveBytes: number;
  /** What keeps its event loop busy, by kind. */
  readonly resources: Readonly<Record<string, number>>;
}

/** Connections that were kept for reuse and timers that are running out are gone by then. */
const SETTLE_MS = 45_000;
const POLL_MS = 500;
/** How long nothing may change before a gateway counts as idle. */
const STEADY_POLLS = 4;

export async function holdingsOf(gateway: TestGateway): Promise<Holdings> {
  await using inspector = await inspect(gateway);
  const liveBytes = await inspector.liveBytes();
  return {
    sockets: socketsOf(gateway.pid),
    residentBytes: residentBytes(gateway.pid),
    liveBytes,
    resources: await inspector.resources(),
  };
}

/** Waits until the number of sockets no longer changes, or with `level` until it is not above that of `level`; what is held then. */
export async function settledHoldings(gateway: TestGateway, level?: Holdings): Promise<Holdings> {
  const giveUpAt = performance.now() + SETTLE_MS;
  for (let last = -1, steady = 0; performance.now() < giveUpAt; ) {
    const now = socketsOf(gateway.pid);
    steady = now === last ? steady + 1 : 0;
    last = now;
    if (level === undefined ? steady >= STEADY_POLLS : now <= level.sockets) break;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return await holdingsOf(gateway);
}
