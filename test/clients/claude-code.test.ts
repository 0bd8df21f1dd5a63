import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installClients } from '../support/real-clients/install.ts';
import { openHome } from '../support/real-clients/run-client.ts';
import { openStage, PLAIN, QUESTION, SECRET, type Stage } from '../support/real-clients/stage.ts';
import { verifies } from '../support/verifies.ts';

const CLIENT_MS = 90_000;
const { modules, missing } = await installClients('claude-code');
const MODEL = 'claude-through-lanport';

let stage: Stage;

describe.runIf(modules !== undefined)('Claude Code', () => {
  beforeAll(async () => {
    stage = await openStage(MODEL, 'chat');
  });

  afterAll(async () => {
    await stage?.[Symbol.asyncDispose]();
  });

  it('completes a plain turn', async () => {
    verifies('llm:real-clients');
    expect(await ask('Say good morning.')).toBe(PLAIN);
  }, CLIENT_MS);

  it('uses a tool through its own connection to /mcp', async () => {
    verifies('llm:real-clients');
    const mcp = {
      type: 'http',
      url: `${stage.gateway.url}/mcp`,
      headers: { Authorization: `Bearer ${stage.gateway.key}` },
    };
    expect(await ask(QUESTION, { mcp })).toBe(`It is ${SECRET}.`);
  }, CLIENT_MS);

  it('has its model use a tool of the gateway', async () => {
    verifies('llm:real-clients');
    const env = { ANTHROPIC_CUSTOM_HEADERS: 'x-mcp-servers: db' };
    expect(await ask(QUESTION, { env })).toBe(`It is ${SECRET}.`);
  }, CLIENT_MS);
});

it.runIf(missing !== undefined)(`Claude Code is not tested: the npm registry cannot be reached (${missing})`, () => {
  expect(missing).toBeDefined();
});

async function ask(
  prompt: string,
  { mcp, env = {} }: { readonly mcp?: object; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  await using home = await openHome();
  const servers = await home.write('mcp.json', JSON.stringify({ mcpServers: mcp === undefined ? {} : { lanport: mcp } }));
  const { stdout } = await home.run(
    join(modules!, `@anthropic-ai/claude-code-${process.platform}-${process.arch}/claude`),
    ['-p', prompt, '--model', MODEL, '--mcp-config', servers, '--strict-mcp-config', '--allowedTools', 'mcp__lanport', '--output-format', 'json'],
    {
      ANTHROPIC_BASE_URL: stage.gateway.url,
      ANTHROPIC_AUTH_TOKEN: stage.gateway.key,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      CLAUDE_CODE_MAX_RETRIES: '0',
      ...env,
    },
  );
  return (JSON.parse(stdout) as { result: string }).result;
}
