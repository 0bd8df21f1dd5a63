import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** One process at one moment. `startedAt` tells it from a later one with the same id. */
export interface ProcessSeen {
  readonly pid: number;
  readonly parent: number;
  readonly state: string;
  /** Clock ticks after boot. */
  readonly startedAt: string;
}

/** What /proc says of a process; `undefined` when there is none. */
export function processAt(pid: number): ProcessSeen | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { pid, state: fields[0]!, parent: Number(fields[1]), startedAt: fields[19]! };
  } catch {
    return undefined;
  }
}

/** Every process that descends from this one. */
export function descendantsOf(root: number): ProcessSeen[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => processAt(Number(name)))
    .filter((seen) => seen !== undefined);
  const found: ProcessSeen[] = [];
  for (let parents = [root]; parents.length > 0; ) {
    const children = all.filter(({ parent }) => parents.includes(parent));
    found.push(...children);
    parents = children.map(({ pid }) => pid);
  }
  return found;
}

/** Processes whose command line has this text. */
export function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(text);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Whether this very process still runs. One that has ended and that nobody has waited for does not. */
export function isRunning({ pid, startedAt }: ProcessSeen): boolean {
  const now = processAt(pid);
  return now !== undefined && now.startedAt === startedAt && now.state !== 'Z';
}

/** Open sockets of a process. */
export function socketsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;
}

/** Resident memory of a process, in bytes. */
export function residentBytes(pid: number): number {
  const [, kib] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1024;
}
