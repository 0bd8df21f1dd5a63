import { join } from 'node:path';
import { openHome } from '../support/real-clients/run-client.ts';
import { testClient } from '../support/real-clients/suite.ts';

await testClient({
  name: 'Claude Code',
  list: 'claude-code',
  model: 'claude-through-lanport',
  provider: 'chat',
  ask: async ({ modules, stage: { gateway }, model, prompt, usesMcp, headers }) => {
    await using home = await openHome();
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
      join(modules, `@anthropic-ai/claude-code-${process.platform}-${process.arch}/claude`),
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
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        CLAUDE_CODE_MAX_RETRIES: '0',
      },
    );
    return (JSON.parse(stdout) as { result: string }).result;
  },
});
