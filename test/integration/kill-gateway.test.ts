import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { configWith, MASTER_KEY } from '../support/gateway.ts';
import { http, rpc } from '../support/http.ts';
import { lanport } from '../support/lanport.ts';
import { ROOT } from '../support/process.ts';
import { verifies } from '../support/verifies.ts';

/** More on demand: `LANPORT_KILLS=200 npx vitest run test/integration/kill-gateway.test.ts`. */
const MOMENTS = Number(process.env['LANPORT_KILLS'] ?? 50);
/** At the same time, so that a kill falls into calls in every state. */
const CALLERS = 4;
const ANSWERS_MAX = 60;
const READY_MS = 60_000;

interface Row {
  readonly id: string;
  readonly status?: string;
  readonly toolName: string;
}

/**
 * Kills the gateway with its embedded database at random moments: while it makes its folder, starts, serves and records. Every start
 * must succeed, every call that was answered must be in the ledger, every one there is ended, and the chains of all runs are whole.
 */
it(
  `a gateway killed at ${MOMENTS} random moments starts again each time and has lost no call that it answered`,
  async () => {
    verifies('run:survives-kill');
    verifies('ledger:A1');
    verifies('ledger:A2');
    const folder = await mkdtemp(join(tmpdir(), 'lanport-kill-'));
    const file = join(folder, 'config.yaml');
    const server = { command: process.execPath, args: [join(ROOT, 'test/support/upstreams/stdio-2024.ts')] };
    await writeFile(
      file,
      JSON.stringify(configWith({ one: server }, { general_settings: { master_key: MASTER_KEY } })),
    );
    let seed = 20_260_728;
    const random = (max: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
      return seed % max;
    };
    const answered = new Set<string>();
    let sent = 0;

    const start = () => {
      const child = spawn(
        process.execPath,
        [join(ROOT, 'src/main.ts'), 'serve', '--config', file, '--port', '0', '--data', join(folder, 'data')],
        { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env['PATH'] ?? '' } },
      );
      const lines: string[] = [];
      const ready = new Promise<string>((resolve, reject) => {
        createInterface({ input: child.stderr }).on('line', (line) => {
          lines.push(line);
          if (line.includes('"message":"ready"')) resolve((JSON.parse(line) as { url: string }).url);
        });
        child.once('exit', (code, signal) =>
          reject(new Error(`ended with ${signal ?? code}:\n${lines.join('\n')}`)),
        );
      });
      ready.catch(() => undefined);
      return { child, ready, exited: once(child, 'exit') as Promise<[number | null, string | null]> };
    };

    /** Calls a tool over and over until the gateway is gone; remembers what was answered, and tells of each. */
    const callOn = async (url: string, onAnswer: () => void): Promise<void> => {
      for (;;) {
        const text = `call ${++sent}`;
        try {
          const answer = await rpc(`${url}/mcp`, MASTER_KEY, {
            jsonrpc: '2.0',
            id: 1,
            method: 'tools/call',
            params: { name: text },
          });
          if (answer.status !== 200) continue;
          answered.add(text);
          onAnswer();
        } catch {
          return;
        }
      }
    };

    try {
      for (let moment = 0; moment < MOMENTS; moment++) {
        const { child, ready, exited } = start();
        // The first ones fall into the making of the database; then every other into start and recovery, the rest into service.
        const fromStart = moment < 5 || moment % 2 === 0;
        let timer: NodeJS.Timeout | undefined;
        const killAfter = (ms: number): void => {
          timer = setTimeout(() => child.kill('SIGKILL'), ms);
        };
        if (fromStart) killAfter(random(moment < 5 ? 900 : 600));
        let left = random(ANSWERS_MAX);
        const onAnswer = (): void => {
          if (!fromStart && left-- === 0) child.kill('SIGKILL');
        };
        const calling = ready.then(
          (url) => Promise.all(Array.from({ length: CALLERS }, () => callOn(url, onAnswer))),
          () => undefined,
        );
        const [code, signal] = await exited;
        clearTimeout(timer);
        await calling;
        expect(signal, `moment ${moment}: it ended by itself with ${code}`).toBe('SIGKILL');
      }
      const { child, ready, exited } = start();
      const timeout = new Promise<never>((_resolve, reject) => {
        setTimeout(() => reject(new Error('it did not start again')), READY_MS).unref();
      });
      const url = await Promise.race([ready, timeout]);
      const rows: Row[] = [];
      let reads = 0;
      for (;;) {
        reads++;
        const before = rows.at(-1)?.id;
        const page = (
          await http(`${url}/v1/ledger?limit=1000${before === undefined ? '' : `&before=${before}`}`, {
            headers: { authorization: `Bearer ${MASTER_KEY}` },
          })
        ).json<Row[]>();
        rows.push(...page);
        if (page.length < 1_000) break;
      }
      const recorded = new Map(rows.map((row) => [row.toolName, row]));
      expect(answered.size).toBeGreaterThan(20);
      expect([...answered].filter((text) => !recorded.has(text))).toEqual([]);
      // What a client saw answered is recorded as it ended.
      expect([...answered].filter((text) => recorded.get(text)?.status === 'unknown')).toEqual([]);
      expect(rows.filter((row) => row.status === undefined)).toEqual([]);
      child.kill('SIGTERM');
      expect(await exited).toEqual([0, null]);
      const checked = await lanport(['ledger', 'verify', '--data', join(folder, 'data'), '--json']);
      expect(checked, checked.stdout).toMatchObject({ code: 0, stderr: '' });
      expect(JSON.parse(checked.stdout)).toMatchObject({
        // Who reads the ledger is in it, too.
        calls: rows.length + reads,
        findings: [],
        withoutKey: [],
        withoutAnchor: [],
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
  MOMENTS * 4_800,
);
