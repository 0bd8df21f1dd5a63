import { join } from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { createLedger } from '../../src/ledger/ledger.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { LedgerFileStore } from './ledger-file-store.ts';

/**
 * Begins and ends calls until it is killed; a line `<id>` on stdout says that the begin of a call was acknowledged. Arguments: folder,
 * writer, seed. The store fails now and then, and memory and segments are tiny, so that every path of the ledger is taken.
 */

const [folder = '', writer = '', seedText = '1'] = process.argv.slice(2);
let seed = Number(seedText);
const random = (max: number): number => {
  seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
  return (seed >> 8) % max;
};

process.stdout.write('started\n');
const store = new LedgerFileStore(
  join(folder, 'store.jsonl'),
  () => (['before', 'after'] as const)[random(10)] ?? 'no',
);
const ledger = await createLedger({
  store,
  folder,
  writer,
  clock: systemClock,
  log: silentLog,
  bounds: { memoryRowsMax: 40, segmentBytes: 6_000 },
});
process.stdout.write('ready\n');

let calls = 0;
const callOn = async (): Promise<never> => {
  for (;;) {
    const id = `${writer}-${++calls}`;
    await ledger.begin({
      id,
      startedAt: Date.now(),
      kind: 'mcp',
      operation: 'tools/call',
      keyId: 'master',
      keyAlias: undefined,
      user: undefined,
      team: undefined,
      address: '127.0.0.1',
      client: undefined,
      server: 'db',
      toolName: 'query',
      originalName: 'query',
      model: undefined,
      decision: 'allowed',
      rule: undefined,
      bytesIn: 1,
      traceId: undefined,
    });
    process.stdout.write(`${id}\n`);
    for (let turns = random(4); turns > 0; turns--)
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    ledger.end({
      id,
      endedAt: Date.now(),
      status: 'ok',
      errorCode: undefined,
      totalMs: 1,
      upstreamMs: undefined,
      bytesOut: 1,
      promptTokens: undefined,
      completionTokens: undefined,
      cost: undefined,
    });
    if (random(50) === 0) void ledger.flush(AbortSignal.timeout(1)).catch(() => undefined);
  }
};
await Promise.all(Array.from({ length: 6 }, callOn));
