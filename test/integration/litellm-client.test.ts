import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { INSTALL_MS } from '../support/installed.ts';
import { ROOT } from '../support/process.ts';
import { findPython, installPythonServers } from '../support/real-servers.ts';
import { verifies } from '../support/verifies.ts';

const run = promisify(execFile);
const PYTHON = await findPython(11);
/** The client imports the whole of LiteLLM, which takes seconds. */
const RUN_MS = 120_000;
/** What the program `litellm-proxy` does; the installed one does not survive that its folder was moved. */
const COMMAND = 'from litellm.proxy.client.cli import cli; cli()';

let gateway: TestGateway;
let python: string;

/** LiteLLM's bundled price list is used instead of one from the network. */
const environment = (): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  HOME: process.env['HOME'] ?? '',
  LITELLM_LOCAL_MODEL_COST_MAP: 'True',
  LITELLM_PROXY_URL: gateway.url,
  LITELLM_PROXY_API_KEY: MASTER_KEY,
});

beforeAll(async () => {
  if (PYTHON === undefined) return;
  python = await installPythonServers(PYTHON, 'python-litellm.txt');
  gateway = await startGateway({
    config: {
      general_settings: { master_key: MASTER_KEY },
      model_list: [{ model_name: 'm', litellm_params: { model: 'openai/gpt-4o', mock_response: 'Hi!' } }],
      mcp_servers: {},
    },
  });
}, INSTALL_MS + 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

describe.each(PYTHON === undefined ? [] : ['1.77'])("LiteLLM's own client %s", () => {
  it(
    'manages keys and users',
    async () => {
      verifies('keys:litellm-client');
      const script = join(ROOT, 'test/support/litellm-client.py');
      const { stdout } = await run(python, [script, gateway.url, MASTER_KEY], {
        env: environment(),
        timeout: RUN_MS,
      });
      expect(JSON.parse(stdout.trim().split('\n').at(-1)!)).toEqual({
        made: {
          key_alias: 'from-python',
          models: ['m'],
          aliases: { mine: 'm' },
          spend: 1.5,
          key_name: expect.stringMatching(/^sk-\.\.\./),
        },
        listed: true,
        tokens: true,
        info: 'from-python',
        chat: 'Hi!',
        models: ['m'],
        user: 'py',
        users: ['py'],
        found: 'py@example.com',
        removed: 1,
        unknown: 'NotFoundError',
        deleted: true,
        refused: 'UnauthorizedError',
      });
    },
    RUN_MS,
  );

  it(
    'has a command line that makes, lists and deletes keys',
    async () => {
      verifies('keys:litellm-client');
      const command = async (...args: string[]): Promise<string> =>
        (await run(python, ['-c', COMMAND, ...args], { env: environment(), timeout: RUN_MS })).stdout;
      const made = await command(
        'keys',
        'generate',
        '--models',
        'm',
        '--key-alias',
        'from-shell',
        '--duration',
        '1h',
      );
      expect(JSON.parse(made)).toMatchObject({ key: expect.stringMatching(/^sk-/), key_alias: 'from-shell' });
      expect(await command('keys', 'list')).toContain('from-shell');
      expect(JSON.parse(await command('keys', 'delete', '--key-aliases', 'from-shell'))).toEqual({
        deleted_keys: ['from-shell'],
      });
    },
    3 * RUN_MS,
  );
});

it.each(PYTHON === undefined ? ['3.11'] : [])(
  "LiteLLM's own client is not tested, because no Python from %s with venv is here",
  async () => {
    expect(await findPython(11)).toBeUndefined();
  },
);
