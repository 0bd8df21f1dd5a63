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

/** Connections that are kept for reuse are closed by then. */
const SETTLE_MS = 30_000;
const POLL_MS = 500;

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

/** Waits until there are not more sockets than this, as long as connections may be kept for reuse; what is held then. */
export async function settledHoldings(gateway: TestGateway, socketsMax: number): Promise<Holdings> {
  const giveUpAt = performance.now() + SETTLE_MS;
  while (socketsOf(gateway.pid) > socketsMax && performance.now() < giveUpAt)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  return await holdingsOf(gateway);
}
