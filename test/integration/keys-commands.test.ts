import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http } from '../support/http.ts';
import { lanport } from '../support/lanport.ts';
import { verifies } from '../support/verifies.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({
    config: {
      general_settings: { master_key: MASTER_KEY },
      model_list: [
        { model_name: 'm', litellm_params: { model: 'openai/gpt-4o', mock_response: 'Here I am.' } },
      ],
      virtual_keys: [{ api_key: 'sk-of-the-file-0123456789', key_alias: 'of-the-file', models: ['m'] }],
      mcp_servers: {},
    },
  });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

const run = (...args: string[]) => lanport(['keys', ...args, '--url', gateway.url, '--key', MASTER_KEY]);

const ask = async (key: string): Promise<number> =>
  (
    await http(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Where are you?' }] }),
    })
  ).status;

/** Each command is a process of its own. */
const COMMANDS_MS = 180_000;

describe('lanport keys', { timeout: COMMANDS_MS }, () => {
  it('makes a key that works, gives it a new value with and without grace, and revokes it', async () => {
    verifies('keys:commands');
    const made = await run(
      'create',
      '--alias',
      'laptop',
      '--model',
      'm',
      '--budget',
      '2.5',
      '--budget-period',
      '30d',
      '--rpm',
      '60',
      '--expires',
      '90d',
    );
    expect(made).toMatchObject({ code: 0, stderr: 'Key laptop, which is shown this once:\n' });
    const first = made.stdout.trim();
    expect(first).toMatch(/^sk-\S{16,}$/);
    expect(await ask(first)).toBe(200);

    const shown = await run('show', 'laptop');
    expect(shown.stdout).not.toContain(first);
    expect(shown.stdout).toMatch(/^Models +m$/m);
    expect(shown.stdout).toMatch(/^Budget +2\.5 per 30d USD$/m);
    expect(shown.stdout).toMatch(/^Spent +0\.0000\d+ USD$/m);
    expect(shown.stdout).toMatch(/^Per minute +60 requests$/m);

    const rotated = await run('rotate', 'laptop', '--grace', '1h');
    const second = rotated.stdout.trim();
    expect(rotated.stderr).toMatch(/The value before works until 20\d\d-/);
    expect(second).not.toBe(first);
    expect([await ask(first), await ask(second)]).toEqual([200, 200]);

    const third = JSON.parse((await run('rotate', 'laptop', '--json')).stdout) as { readonly key: string };
    expect([await ask(second), await ask(third.key)]).toEqual([401, 200]);

    expect(await run('revoke', 'laptop')).toMatchObject({ code: 0, stdout: 'The key is revoked.\n' });
    expect(await ask(third.key)).toBe(401);
  });

  it('lists the keys of the store and those of the configuration, which it cannot revoke', async () => {
    await run('create', '--alias', 'one', '--team', 'nobody').then(({ code, stderr }) => {
      expect(code).toBe(1);
      expect(stderr).toContain('team');
    });
    expect((await run('create', '--alias', 'one', '--tag', 'a', 'b')).stderr).toContain(
      'no model and no MCP server',
    );
    const { stdout } = await run('list');
    expect(stdout).toMatch(/^ALIAS +KEY +ID +USER/);
    expect(stdout).toMatch(/^one +sk-\.\.\.\S{4} /m);
    expect(stdout).toMatch(/^of-the-file /m);
    const all = JSON.parse((await run('list', '--json')).stdout) as readonly {
      readonly key_alias: string;
      readonly tags: string[];
    }[];
    expect(all.find(({ key_alias: alias }) => alias === 'one')?.tags).toEqual(['a', 'b']);
    const revoked = await run('revoke', 'of-the-file');
    expect(revoked.code).toBe(1);
    expect(revoked.stderr).toContain('stands in the configuration at virtual_keys[0]');
  });

  it('exits with 1 for a key that is not known, with 2 for options that are wrong, and with 4 where no gateway answers', async () => {
    const unknown = await run('show', 'nobody');
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain('There is no key');
    expect((await run('create', '--rpm', 'many')).code).toBe(2);
    expect((await run('create', '--expires', 'soon')).stderr).toContain('duration must be a duration');
    expect((await lanport(['keys', 'list', '--url', 'http://127.0.0.1:9', '--key', 'x'])).code).toBe(4);
    const stranger = await lanport([
      'keys',
      'list',
      '--url',
      gateway.url,
      '--key',
      'sk-of-nobody-0123456789',
    ]);
    expect(stranger).toMatchObject({ code: 4, stderr: expect.stringContaining('not known here') as string });
    for (const url of ['nonsense', 'ftp://127.0.0.1', 'http://root:hunter2@127.0.0.1']) {
      const wrong = await lanport(['keys', 'list', '--url', url]);
      expect(wrong).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('--url is not the address') as string,
      });
      expect(wrong.stderr).not.toContain('hunter2');
    }
  });

  it('refuses a budget that is no number, instead of making a key without one', async () => {
    for (const budget of ['1e400', 'Infinity', 'NaN', '-1', '']) {
      const { code, stdout, stderr } = await run('create', '--alias', 'rich', '--budget', budget);
      expect([code, stdout], budget).toEqual([2, '']);
      expect(stderr).toContain('--budget');
    }
    expect((await run('show', 'rich')).code).toBe(1);
  });
});
