// One install at a time in one checkout, also when an earlier one was killed.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** A thief that died while it took a dead process's lock blocks nobody for longer than this. Milliseconds. */
const STEAL_MS = 10_000;

/** One attempt at `file`: a handle, or the pid of the process that has it. Throws when the folder cannot be written. */
export function tryLock(file) {
  mkdirSync(dirname(file), { recursive: true });
  const me = describe(process.pid);
  for (;;) {
    if (create(file, JSON.stringify([me]))) return { handle: handleOf(file, me) };
    const owners = readOwners(file);
    const alive = owners.find(isAlive);
    if (alive !== undefined) return { pid: alive.pid };
    if (!steal(file)) return { pid: owners[0]?.pid ?? 0 };
  }
}

function handleOf(file, me) {
  return {
    /** The lock also holds while this child lives, because npm goes on when its parent is killed. */
    shareWith(pid) {
      writeFileSync(file, JSON.stringify([me, describe(pid)]));
    },
    release() {
      rmSync(file, { force: true });
    },
  };
}

function create(file, text) {
  try {
    writeFileSync(file, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes a dead owner's lock. A second file makes sure that only one process does, and that it does not remove a fresh one. */
function steal(file) {
  const thief = `${file}.steal`;
  if (!create(thief, '')) {
    try {
      if (Date.now() - statSync(thief).mtimeMs > STEAL_MS) rmSync(thief, { force: true });
    } catch {
      // The other one has finished.
    }
    return false;
  }
  if (!readOwners(file).some(isAlive)) rmSync(file, { force: true });
  rmSync(thief, { force: true });
  return true;
}

/** An empty or half-written file belongs to a process that is writing it now, or that died doing so: its age tells which. */
function readOwners(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    try {
      return Date.now() - statSync(file).mtimeMs < STEAL_MS ? [{ pid: 0, started: null }] : [];
    } catch {
      return [];
    }
  }
}

const describe = (pid) => ({ pid, started: startOf(pid) });

/** Start time in clock ticks after boot (Linux), so that a reused pid is not taken for the owner; null where unknown. */
function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

function isAlive(owner) {
  if (owner.pid === 0) return true;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if (error.code !== 'EPERM') return false;
  }
  return owner.started === null || startOf(owner.pid) === owner.started;
}
