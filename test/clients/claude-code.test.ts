import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { EVENTS, events, type ProviderAct } from '../support/llm/provider.ts';
import { type ClientHome, openHome } from '../support/real-clients/run-client.ts';
import { PLAIN, QUESTION, SECRET } from '../support/real-clients/stage.ts';
import { CLIENT_MS, testClient, type Turn } from '../support/real-clients/suite.ts';
import { verifies } from '../support/verifies.ts';

const chunk = {
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'scripted',
  choices: [{ index: 0, delta: { content: 'Good mor' }, finish_reason: null }],
};
/** A stream of a provider that is cut in the midst of its words. */
const BROKEN: ProviderAct = { headers: EVENTS, body: [events(chunk), 50], end: 'reset' };

type Variables = Readonly<Record<string, string>>;

await testClient({
  name: 'Claude Code',
  list: 'claude-code',
  model: 'claude-through-lanport',
  provider: 'chat',
  ask: async (turn) => {
    await using home = await openHome();
    return await ask(home, turn, { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' });
  },
  more: (plain) => {
    it('uses a tool without its search for tools, and without its betas', {
      timeout: CLIENT_MS,
    }, async () => {
      verifies('llm:real-clients');
      await using home = await openHome();
      const turn = { ...plain(), prompt: QUESTION, usesMcp: true };
      for (const env of [{ ENABLE_TOOL_SEARCH: 'false' }, { CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS: '1' }])
        expect(await ask(home, turn, env)).toBe(`It is ${SECRET}.`);
    });

    it('asks again, without a stream, when a stream breaks', { timeout: CLIENT_MS }, async () => {
      verifies('llm:real-clients');
      await using home = await openHome();
      const { provider, model } = plain().stage;
      const before = provider.requests.length;
      provider.answer(BROKEN, model);
      expect(await ask(home, plain(), {})).toBe(PLAIN);
      expect(provider.requests.slice(before).map(({ body }) => body['stream'] ?? false)).toEqual([
        true,
        false,
      ]);
    });

    it('has its context counted, and no answer written for that', { timeout: CLIENT_MS }, async () => {
      verifies('llm:real-clients');
      await using home = await openHome();
      const { provider } = plain().stage;
      const before = provider.requests.length;
      expect(await ask(home, { ...plain(), prompt: '/context' }, {})).toMatch(/System tools \| [1-9]/);
      expect(provider.requests.slice(before).map(({ url }) => url)).toEqual([]);
    });

    it('finds the models of the gateway', { timeout: CLIENT_MS }, async () => {
      verifies('llm:models-claude');
      await using home = await openHome();
      await ask(home, plain(), { CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY: '1' });
      const found = join(home.folder, '.claude/cache/gateway-models.json');
      await expect.poll(() => readFile(found, 'utf8').catch(() => '')).toContain(plain().model);
    });

    it('connects to a server that was added with a command', { timeout: CLIENT_MS }, async () => {
      verifies('llm:real-clients');
      await using home = await openHome();
      const { modules, stage } = plain();
      const header = `Authorization: Bearer ${stage.gateway.key}`;
      const add = [
        'mcp',
        'add',
        '--transport',
        'http',
        'lanport',
        `${stage.gateway.url}/mcp`,
        '--header',
        header,
      ];
      await home.run(claudeIn(modules), add, {});
      const { stdout } = await home.run(claudeIn(modules), ['mcp', 'list'], {});
      expect(stdout).toMatch(/lanport: .*Connected/);
    });
  },
});

function claudeIn(modules: string): string {
  return join(modules, `@anthropic-ai/claude-code-${process.platform}-${process.arch}/claude`);
}

async function ask(home: ClientHome, turn: Turn, env: Variables): Promise<string> {
  const { modules, stage, model, prompt, usesMcp, headers } = turn;
  const { gateway } = stage;
  const server = {
    type: 'http',
    url: `${gateway.url}/mcp`,
    headers: { Authorization: `Bearer ${gateway.key}` },
  };
  const servers = await home.write(
    'mcp.json',
    JSON.stringify({ mcpServers: usesMcp ? { lanport: server } : {} }),
  );
  const { stdout } = await home.run(
    claudeIn(modules),
    [
      ...['-p', prompt, '--model', model, '--output-format', 'json'],
      ...['--mcp-config', servers, '--strict-mcp-config', '--allowedTools', 'mcp__lanport'],
    ],
    {
      ANTHROPIC_BASE_URL: gateway.url,
      ANTHROPIC_AUTH_TOKEN: gateway.key,
      ANTHROPIC_CUSTOM_HEADERS: Object.entries(headers)
        .map(([name, value]) => `${name}: ${value}`)
        .join('\n'),
      CLAUDE_CODE_MAX_RETRIES: '0',
      ...env,
    },
  );
  return (JSON.parse(stdout) as { result: string }).result;
}
