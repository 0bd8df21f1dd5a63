import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lanport } from '../../test/support/lanport.ts';
import { explainStartup } from './startup-error.ts';

const FACTS = { host: 'nowhere.invalid', port: 4000, dataFolder: '/srv/lanport' };

describe('what a start that failed says', () => {
  it('names an address that is none of this machine, however the system says so', async () => {
    const server = createServer().listen(0, FACTS.host);
    const [error] = (await once(server, 'error')) as [unknown];
    expect(explainStartup(error, FACTS)).toMatchObject({
      exitCode: 3,
      message: 'nowhere.invalid is not an address of this machine: choose another with --host',
    });
  });

  it('names a database that does not answer, without its password, and what to do', async () => {
    const data = mkdtempSync(join(tmpdir(), 'lanport-start-'));
    const { code, stderr } = await lanport(['serve', '--port', '0', '--data', data], {
      env: { DATABASE_URL: 'postgres://lanport:hunter2@127.0.0.1:1/lanport' },
    });
    rmSync(data, { recursive: true, force: true });
    expect(code).toBe(3);
    expect(stderr).toContain('Start it, or correct DATABASE_URL');
    expect(stderr).not.toContain('hunter2');
  }, 60_000);
});
