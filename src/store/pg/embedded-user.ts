import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** PostgreSQL refuses to run as root; then it runs as this user. */
export interface RunAs {
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** A command line as that user: program and arguments. */
  wrap(command: string, args: readonly string[]): readonly [string, readonly string[]];
}

const SELF: RunAs = { uid: undefined, gid: undefined, wrap: (command, args) => [command, args] };
const USERS = ['postgres', 'nobody'] as const;

/**
 * How to run the database here. As an ordinary user: directly. As root: as `postgres` or `nobody`; where that user cannot reach one of
 * `paths` (a checkout under /root), it gets the one capability that lets it pass folders, through util-linux's setpriv. Throws with
 * the ways out.
 */
export function runAs(paths: readonly string[]): RunAs {
  if (process.getuid?.() !== 0) return SELF;
  const user = findUser();
  if (user === undefined)
    throw new Error(
      'PostgreSQL does not run as root, and there is neither a user "postgres" nor "nobody": start Lanport as an ordinary user, or set DATABASE_URL',
    );
  const { uid, gid } = user;
  const drop = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups'];
  if (paths.every((path) => isReachable(path))) {
    return { uid, gid, wrap: (command, args) => ['setpriv', [...drop, '--', command, ...args]] };
  }
  // Without no_setuid_fixup, access(2), by which PostgreSQL checks its own binaries, would not count the capability.
  const capable = [
    ...drop,
    '--inh-caps',
    '+dac_override',
    '--ambient-caps',
    '+dac_override',
    '--securebits',
    '+no_setuid_fixup',
  ];
  try {
    execFileSync('setpriv', [...capable, '--', 'true'], { stdio: 'ignore' });
  } catch (error) {
    throw new Error(
      `PostgreSQL does not run as root, and the user it would run as cannot reach ${paths.find((path) => !isReachable(path))}: use --data with a folder that every user can reach, start Lanport as an ordinary user, or set DATABASE_URL`,
      { cause: error },
    );
  }
  return { uid, gid, wrap: (command, args) => ['setpriv', [...capable, '--', command, ...args]] };
}

function findUser(): { uid: number; gid: number } | undefined {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of USERS) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':');
    if (fields?.[2] !== undefined && fields[3] !== undefined)
      return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  return undefined;
}

/** Whether any user may pass every folder above `path`. */
function isReachable(path: string): boolean {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (dirname(folder) === folder) return true;
  }
}
