import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { EVENTS, events, type ProviderAct } from '../support/llm/provider.ts';
import { openHome } from '../support/real-clients/run-client.ts';
import { PLAIN } from '../support/real-clients/stage.ts';
import { CLIENT_MS, testClient, type Turn } from '../support/real-clients/suite.ts';
import { verifies } from '../support/verifies.ts';

/** A stream of a provider that is cut in the midst of its words. */
const BROKEN: ProviderAct = {
  headers: EVENTS,
  body: [
    events(
      { type: 'response.created', response: { id: 'resp_0', status: 'in_progress', output: [] } },
      {
        type: 'response.output_item.added',
        output_index: 0,
        item: { id: 'msg_0', type: 'message', role: 'assistant', content: [] },
      },
      {
        type: 'response.content_part.added',
        output_index: 0,
        content_index: 0,
        part: { type: 'output_text', text: '', annotations: [] },
      },
      { type: 'response.output_text.delta', output_index: 0, content_index: 0, delta: 'Good mor' },
    ),
    50,
  ],
  end: 'reset',
};

await testClient({
  name: 'Gemini CLI',
  list: 'gemini-cli',
  model: 'gemini-through-lanport',
  provider: 'responses',
  ask,
  more: (plain) => {
    it('asks again when a stream breaks', { timeout: CLIENT_MS }, async () => {
      verifies('llm:real-clients');
      const { provider, model } = plain().stage;
      const before = provider.requests.length;
      provider.answer(BROKEN, model);
      // What it has of a stream it prints, also when it asks again.
      expect(await ask(plain())).toBe(`Good mor${PLAIN}`);
      expect(provider.requests).toHaveLength(before + 2);
    });
  },
});

async function ask({ modules, stage: { gateway }, model, prompt, usesMcp, headers }: Turn): Promise<string> {
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
}

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
