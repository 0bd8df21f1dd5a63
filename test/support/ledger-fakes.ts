import { expect } from 'vitest';
import { GatewayError } from '../../src/core/errors.ts';
import type { CallEnd, CallStart } from '../../src/ledger/ledger-ports.ts';
import type { SpoolFiles } from '../../src/ledger/spool-files.ts';
import type { Closing, LedgerStore, OrphanCall, WriterIdentity } from '../../src/store/store-ports.ts';
import type { LedgerRecord } from '../../src/store/call-records.ts';

/** A store in memory that keeps the contract, and fails or hangs on demand. */
export class LedgerMemoryStore implements LedgerStore {
  readonly isChained = true;
  readonly starts = new Map<string, { start: CallStart; writer: string }>();
  readonly ends = new Map<string, CallEnd>();
  /** Every record in order of arrival, repeated ones included. */
  readonly arrived: LedgerRecord[] = [];
  behaviour: (records: readonly LedgerRecord[]) => Promise<void> = () => Promise.resolve();
  appends = 0;

  async append(records: readonly LedgerRecord[]): Promise<void> {
    this.appends++;
    await this.behaviour(records);
    for (const record of records) {
      this.arrived.push(record);
      if (record.phase === 'received')
        this.starts.set(record.start.id, { start: record.start, writer: record.writer });
      else if (!this.ends.has(record.end.id) || this.ends.get(record.end.id)?.status === 'unknown')
        this.ends.set(record.end.id, record.end);
    }
  }

  recent(): Promise<[]> {
    return Promise.resolve([]);
  }

  accepts(record: LedgerRecord): Promise<void> {
    this.appends++;
    return this.behaviour([record]);
  }

  tip(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  beat(): Promise<void> {
    return Promise.resolve();
  }

  orphans(by: WriterIdentity): Promise<readonly OrphanCall[]> {
    return Promise.resolve(
      [...this.starts]
        .filter(([id, { writer }]) => writer !== by.writer && !this.ends.has(id))
        .map(([id, { start }]) => ({ id, startedAt: start.startedAt })),
    );
  }

  close(closings: readonly Closing[]): Promise<number> {
    for (const { end } of closings) this.ends.set(end.id, end);
    return Promise.resolve(closings.length);
  }

  down(): void {
    this.behaviour = () => Promise.reject(new Error('connection refused'));
  }

  up(): void {
    this.behaviour = () => Promise.resolve();
  }
}

/** The start of a call, as the gateway records it. */
export const callStart = (id: string, rest: Partial<CallStart> = {}): CallStart => ({
  id,
  startedAt: 1_800_000_000_000,
  kind: 'mcp',
  operation: 'tools/call',
  keyId: 'master',
  keyAlias: undefined,
  user: undefined,
  team: undefined,
  address: '127.0.0.1',
  client: 'test/1',
  server: 'db',
  toolName: 'db-query',
  originalName: 'query',
  model: undefined,
  decision: 'allowed',
  rule: 'master',
  bytesIn: 10,
  traceId: undefined,
  ...rest,
});
/** The end of a call that went well. */
export const callEnd = (id: string, rest: Partial<CallEnd> = {}): CallEnd => ({
  id,
  endedAt: 1_800_000_000_001,
  status: 'ok',
  errorCode: undefined,
  totalMs: 1,
  upstreamMs: undefined,
  bytesOut: 1,
  promptTokens: undefined,
  completionTokens: undefined,
  cost: undefined,
  ...rest,
});

/** What a file operation fails with; operations are counted from 1. */
type Fault = (operation: number, name: string) => Error | undefined;

/** A spool in memory whose operations fail on demand; `operations` counts them. */
export function faultySpool(fault: Fault): {
  files: SpoolFiles;
  operations: () => number;
  disk: Map<string, Buffer>;
} {
  const disk = new Map<string, Buffer>();
  let operations = 0;
  const guard = async (name: string): Promise<void> => {
    await Promise.resolve();
    const error = fault(++operations, name);
    if (error !== undefined) throw error;
  };
  const guardNow = (name: string): void => {
    const error = fault(++operations, name);
    if (error !== undefined) throw error;
  };
  const files: SpoolFiles = {
    list: () =>
      Promise.resolve(
        [...disk]
          .map(([name, { length }]) => ({ name, bytes: length }))
          .sort((a, b) => (a.name < b.name ? -1 : 1)),
      ),
    create: async (name, room) => {
      await guard('create');
      expect(disk.has(name)).toBe(false);
      disk.set(name, Buffer.alloc(room, '\n'));
      let end = 0;
      const put = (bytes: Buffer): void => {
        const before = disk.get(name)!;
        disk.set(name, Buffer.concat([before.subarray(0, end), bytes, before.subarray(end + bytes.length)]));
        end += bytes.length;
      };
      return {
        append: async (bytes) => {
          // As a full disk does: part of it is written.
          put(bytes.subarray(0, bytes.length / 2));
          await guard('append');
          put(bytes.subarray(bytes.length / 2));
        },
        truncate: async (bytes) => {
          await guard('truncate');
          disk.set(name, disk.get(name)!.subarray(0, bytes));
          end = bytes;
        },
        close: async () => {
          await guard('close');
          if (disk.has(name)) disk.set(name, disk.get(name)!.subarray(0, end));
        },
      };
    },
    createLoose: (name) => {
      guardNow('create-loose');
      expect(disk.has(name)).toBe(false);
      disk.set(name, Buffer.alloc(0));
      return {
        append: (text) => {
          const bytes = Buffer.from(text);
          const put = (part: Buffer): void => void disk.set(name, Buffer.concat([disk.get(name)!, part]));
          put(bytes.subarray(0, bytes.length / 2));
          guardNow('keep');
          put(bytes.subarray(bytes.length / 2));
          return bytes.length;
        },
        close: () => undefined,
      };
    },
    read: async (name, position, into) => {
      await guard('read');
      return disk.get(name)!.copy(into, 0, position);
    },
    remove: async (name) => {
      await guard('remove');
      disk.delete(name);
    },
    setAside: async (name) => {
      await guard('set-aside');
      disk.delete(name);
    },
    keepRefused: () => guard('keep-refused'),
  };
  return { files, operations: () => operations, disk };
}
/** What the system says when the disk is full. */
export const diskFull = (): Error => Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });

/** The code that a promise is rejected with; `made` when it is not. */
export const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'made',
    (error: unknown) => (error instanceof GatewayError ? error.code : String(error)),
  );

/** Closes calls of writers that have ended, as a ledger does; returns how many. */
export async function closeOrphans(
  store: LedgerStore,
  writer: string,
  silentMs = Number.POSITIVE_INFINITY,
  endedAt = 1_800_000_000_002,
): Promise<number> {
  const calls = await store.orphans({ writer, home: writer, keyId: 'test' }, silentMs, 1_000);
  return store.close(
    calls.map((call) => ({
      call,
      writer,
      hash: Buffer.alloc(32),
      end: callEnd(call.id, {
        endedAt,
        status: 'unknown',
        errorCode: 'gateway-died',
        totalMs: 0,
        bytesOut: 0,
      }),
    })),
  );
}
