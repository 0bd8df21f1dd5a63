import { join } from 'node:path';
import { openHome } from '../support/real-clients/run-client.ts';
import { testClient } from '../support/real-clients/suite.ts';

await testClient({
  name: 'Codex CLI',
  list: 'codex',
  model: 'codex-through-lanport',
  provider: 'messages',
  ask: async ({ modules, stage: { gateway }, model, prompt, usesMcp, headers }) => {
    await using home = await openHome();
    const config = [
      `model = "${model}"`,
      'model_provider = "lanport"',
      'approval_policy = "never"',
      '[model_providers.lanport]',
      'name = "Lanport"',
      `base_url = "${gateway.url}/v1"`,
      'env_key = "LANPORT_KEY"',
      'wire_api = "responses"',
      'request_max_retries = 0',
      'stream_max_retries = 0',
      `http_headers = { ${Object.entries(headers)
        .map(([name, value]) => `"${name}" = "${value}"`)
        .join(', ')} }`,
      ...(usesMcp
        ? ['[mcp_servers.lanport]', `url = "${gateway.url}/mcp"`, 'bearer_token_env_var = "LANPORT_KEY"']
        : []),
    ];
    await home.write('.codex/config.toml', config.join('\n'));
    const { stdout } = await home.run(
      process.execPath,
      [join(modules, '@openai/codex/bin/codex.js'), 'exec', '--skip-git-repo-check', '--json', prompt],
      { LANPORT_KEY: gateway.key },
    );
    const said = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { item?: { type: string; text?: string } })
      .filter(({ item }) => item?.type === 'agent_message');
    return said.map(({ item }) => item?.text).join('\n');
  },
});
