// Another gateway's ledger: records calls at a rate into the database argv[2] names, from its beginning (`ready 0`) to SIGTERM, and then writes into its
// folder argv[3] how many rows a second the database got. A call is a start and, some milliseconds later, an end: one row.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { createIdSource } from '../../src/core/ids.ts';
import { Secret } from '../../src/core/secret.ts';
import { createLedger } from '../../src/ledger/ledger.ts';
import { openStore } from '../../src/store/open-store.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { callOf } from './calls.ts';

const [, , url = '', folder = '', rate = ''] = process.argv;
const TICK_MS = 4;
/** Calls of other gateways take so long. */
const CALL_TICKS = 5;
/** It is under way when so much is stored. */
const READY_SECONDS = 1;

const { store } = await openStore({ kind: 'external', url: new Secret(url) }, silentLog);
const ledger = await createLedger({
  store: store.ledger,
  folder,
  writer: `ingest-${process.pid}`,
  clock: systemClock,
  log: silentLog,
});
const newId = createIdSource();
const open: (() => void)[][] = [];
const startedMs = performance.now();
let made = 0;
let refused = 0;

const timer = setInterval(() => {
  const ends: (() => void)[] = [];
  const due = Math.floor(((performance.now() - startedMs) / 1_000) * Number(rate)) - made;
  for (let at = 0; at < due; at++) {
    const { start, end } = callOf(newId(), Date.now(), made++);
    ledger.begin(start).catch(() => refused++);
    ends.push(() => ledger.end(end));
  }
  open.push(ends);
  if (open.length > CALL_TICKS) for (const finish of open.shift()!) finish();
}, TICK_MS);

const stored = (): number => ledger.stats().stored / 2;
while (stored() < Number(rate) * READY_SECONDS) await new Promise((resolve) => setTimeout(resolve, TICK_MS));
const [firstMs, first] = [performance.now(), stored()];
process.stdout.write('ready 0\n');

process.once('SIGTERM', () => {
  const seconds = (performance.now() - firstMs) / 1_000;
  const rowsPerSecond = (stored() - first) / seconds;
  clearInterval(timer);
  writeFileSync(join(folder, 'ingested.json'), JSON.stringify({ rowsPerSecond, refused }));
  void ledger[Symbol.asyncDispose]().then(() => store[Symbol.asyncDispose]());
});
