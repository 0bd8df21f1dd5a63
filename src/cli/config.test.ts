import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { registerConfigCommands } from './config.ts';

const EXAMPLE = join(import.meta.dirname, '../../examples/litellm-4-http-no-database.yaml');
const ENV = { OPENAI_API_KEY: 'sk-o', LITELLM_MASTER_KEY: 'sk-master-0123456789', TEAM_KEY: 'sk-team' };

async function run(words: string[], env: Record<string, string> = ENV) {
  const result = { out: '', err: '', code: 0 };
  const program = new Command('lanport').exitOverride();
  registerConfigCommands(program, {
    stdout: { write: (text) => (result.out += text) },
    stderr: { write: (text) => (result.err += text) },
    env,
    exit: (code) => (result.code = code),
  });
  await program.parseAsync(['node', 'lanport', 'config', ...words]);
  return result;
}

describe('config check', () => {
  it('prints a summary, and succeeds', async () => {
    expect(await run(['check', EXAMPLE])).toEqual({
      out: `${EXAMPLE}: can be used: 1 MCP server, 1 virtual key, 1 model; 0 warnings.\n`,
      err: '',
      code: 0,
    });
  });

  it('prints warnings, and succeeds', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lanport-config-'));
    const file = join(folder, 'c.yaml');
    try {
      await writeFile(file, 'general_settings: {store_model_in_db: true}\n');
      const { out, code } = await run(['check', file]);
      expect(out).toContain(
        `${file}:1:20: warning: general_settings.store_model_in_db: is loaded, but without effect: `,
      );
      expect(out).toContain(`${file}: can be used: 0 MCP servers, 0 virtual keys, 0 models; 1 warning.`);
      expect(code).toBe(0);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('prints every error and fails', async () => {
    const { out, code } = await run(['check', EXAMPLE], {});
    expect(out.split('\n').filter((line) => line.includes(': error: '))).toHaveLength(3);
    expect(out).toContain(`${EXAMPLE}: 3 errors, 0 warnings.`);
    expect(code).toBe(1);
  });

  it('--json gives the same to programs', async () => {
    const { out, code } = await run(['check', '--json', EXAMPLE], {});
    const answer = JSON.parse(out) as {
      ok: boolean;
      problems: { severity: string; path: string; line: number }[];
    };
    expect(answer).toMatchObject({
      ok: false,
      problems: [{ severity: 'error', path: 'model_list[0].litellm_params.api_key', line: 6 }, {}, {}],
    });
    expect(code).toBe(1);
  });

  it('--env-file gives variables', async () => {
    const { out, code } = await run(
      ['check', EXAMPLE, '--env-file', join(import.meta.dirname, 'no-such.env')],
      {},
    );
    expect(out).toContain('no-such.env: error: the file does not exist.');
    expect(code).toBe(1);
  });
});

describe('config explain', () => {
  it('lists what is in force, without secrets', async () => {
    const { out, code } = await run(['explain', EXAMPLE]);
    expect(out).toContain(`general_settings.master_key = [secret]  (${EXAMPLE}:10)\n`);
    expect(out).toContain('general_settings.port = 4000  (default)\n');
    expect(out).not.toContain('sk-');
    expect(code).toBe(0);
  });

  it('takes a setting before or after the file, or alone', async () => {
    const expected = `mcp_servers.db.alias = "db"  (${EXAMPLE}:17)\n  Prefix of its tools, and a further name for it.\n  Type: text.\n`;
    expect((await run(['explain', 'mcp_servers.db.alias', EXAMPLE])).out).toBe(expected);
    expect((await run(['explain', EXAMPLE, 'mcp_servers.db.alias'])).out).toBe(expected);
    expect((await run(['explain', 'general_settings.port'], {})).out).toContain(
      'general_settings.port = 4000  (default)',
    );
  });

  it('fails for a setting that does not exist and for too many words', async () => {
    expect(await run(['explain', 'general_settings.prot', EXAMPLE])).toMatchObject({
      out: '',
      code: 1,
      err: expect.stringContaining('There is no setting general_settings.prot.'),
    });
    expect(await run(['explain', 'a', 'b', 'c'])).toMatchObject({ out: '', code: 1 });
  });

  it('--json gives the same to programs', async () => {
    const answer = JSON.parse(
      (await run(['explain', '--json', 'mcp_servers.db.alias', EXAMPLE])).out,
    ) as unknown;
    expect(answer).toMatchObject([{ path: 'mcp_servers.db.alias', value: '"db"', origin: `${EXAMPLE}:17` }]);
  });
});

it('config schema prints JSON Schema', async () => {
  const { out, code } = await run(['schema']);
  expect(JSON.parse(out)).toMatchObject({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Lanport configuration',
  });
  expect(code).toBe(0);
});
