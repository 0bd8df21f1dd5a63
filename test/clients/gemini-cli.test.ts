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
      process.execPath,
      [join(modules, '@google/gemini-cli/bundle/gemini.js'), '-p', prompt, '-m', model, '--output-format', 'json'],
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
