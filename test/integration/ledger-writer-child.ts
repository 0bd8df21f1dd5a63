import { createInterface } from 'node:readline';
import { systemClock } from '../../src/core/clock.ts';
import { createLedger } from '../../src/ledger/ledger.ts';
import { openPgStore } from '../../src/store/pg/pg-store.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { callEnd, callStart } from '../support/ledger-fakes.ts';

/**
 * A gateway's ledger that does what it is told on stdin, and answers each line when it is done: `begin <id>` (stored), `spool <id>` (the
 * end is on the disk and will not be stored). Arguments: folder, writer, address of the database, beat in milliseconds.
 */

const [folder = '', writer = '', url = '', beatMs = '50'] = process.argv.slice(2);
const store = await openPgStore({
  kind: 'external',
  describe: 'the test database',
  connection: { connectionString: url },
  log: silentLog,
  responseBytesPerKeyMax: 1_000,
});
let away = false;
const inner = store.ledger;
const ledger = await createLedger({
  store: {
    isChained: true,
    append: (records, tips) => (away ? Promise.reject(new Error('away')) : inner.append(records, tips)),
    accepts: (record) => inner.accepts(record),
    tip: (name) => inner.tip(name),
    beat: (who, alive) => inner.beat(who, alive),
    orphans: (by, silentMs, limit) => inner.orphans(by, silentMs, limit),
    close: (closings) => inner.close(closings),
    recent: (query) => inner.recent(query),
  },
  folder,
  writer,
  clock: systemClock,
  log: silentLog,
  bounds: { beatMs: Number(beatMs), silentMs: Number(beatMs) * 6 },
});
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const [verb, id = ''] = line.split(' ');
  if (verb === 'begin') {
    await ledger.begin(callStart(id, { startedAt: Date.now() }));
    await ledger.flush();
  } else {
    away = true;
    ledger.end(callEnd(id, { endedAt: Date.now(), cost: 3 }));
    // What is begun after it is on the disk after it.
    const another = id.replace(/.$/, (digit) => (digit === 'f' ? '0' : 'f'));
    await ledger.begin(callStart(another, { startedAt: Date.now() }));
  }
  process.stdout.write(`${line}\n`);
}
