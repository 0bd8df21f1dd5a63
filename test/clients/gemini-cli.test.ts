import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openHome } from '../support/real-clients/run-client.ts';
import { testClient } from '../support/real-clients/suite.ts';

await testClient({
  name: 'Gemini CLI',
  list: 'gemini-cli',
  model: 'gemini-through-lanport',
  provider: 'responses',
  ask: async ({ modules, stage: { gateway }, model, prompt, usesMcp, headers }) => {
    await using home = await openHome();
    const server = {
      httpUrl: `${gateway.url}/mcp`,
      headers: { Authorization: `Bearer ${gateway.key}` },
      trust: true,
    };
    await home.write(
      '.gemini/settings.json',
      JSON.stringify({
        security: { auth: { selectedType: 'gemini-api-key' } },
        general: { enableAutoUpdate: false },
        privacy: { usageStatisticsEnabled: false },
        telemetry: { enabled: false },
        mcpServers: usesMcp ? { lanport: server } : {},
      }),
    );
    const { stdout } = await home.run(
      nodeIn(modules),
      [
        join(modules, '@google/gemini-cli/bundle/gemini.js'),
        '-p',
        prompt,
        '-m',
        model,
        '--output-format',
        'json',
      ],
      {
        GOOGLE_GEMINI_BASE_URL: gateway.url,
        GEMINI_API_KEY: gateway.key,
        GEMINI_CLI_TRUST_WORKSPACE: 'true',
        GEMINI_CLI_CUSTOM_HEADERS: Object.entries(headers)
          .map(([name, value]) => `${name}:${value}`)
          .join(','),
      },
    );
    return (JSON.parse(stdout) as { response: string }).response;
  },
});

/**
 * The Node.js that is installed with it: from Node 26 on, its own undici as the dispatcher of Node's `fetch` loses the headers of every
 * answer, and it reaches no MCP server at all.
 */
function nodeIn(modules: string): string {
  const names = ['node', 'node-bin'].map((name) =>
    join(modules, `${name}-${process.platform}-${process.arch}`, 'bin/node'),
  );
  const found = names.find((name) => existsSync(name));
  if (found === undefined) throw new Error(`none of ${names.join(', ')} is there`);
  return found;
}
