/** Default bounds of everything that holds or waits. Each is configurable under `limits`; the unit is in the name. */
export const BOUNDS = {
  bodyBytesMax: 32 * 1024 * 1024,
  messageBytesMax: 16 * 1024 * 1024,
  stdioLineBytesMax: 32 * 1024 * 1024,
  upstreamResponseBytesMax: 64 * 1024 * 1024,
  sessionsMax: 10_000,
  inFlightPerSessionMax: 64,
  inFlightPerServerMax: 1_024,
  keepAliveMs: 15_000,
  serverStartMs: 60_000,
  callTotalMs: 300_000,
  firstListWaitMs: 2_000,
  ledgerMemoryRowsMax: 5_000,
  ledgerDiskBytesMax: 1024 * 1024 * 1024,
  shutdownDrainMs: 10_000,
  bodyReadMs: 60_000,
  responseStateBytesMax: 256 * 1024 * 1024,
  maxToolRounds: 10,
  toolCallMs: 120_000,
  toolResultCharactersMax: 200_000,
} as const;

export type Bounds = { readonly [name in keyof typeof BOUNDS]: number };
