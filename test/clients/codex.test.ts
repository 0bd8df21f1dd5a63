import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { LogLine } from '../support/gateway.ts';
import { EVENTS, events, type ProviderAct } from '../support/llm/provider.ts';
import { type ClientHome, openHome } from '../support/real-clients/run-client.ts';
import { PLAIN, QUESTION, SECRET } from '../support/real-clients/stage.ts';
import { CLIENT_MS, testClient, type Turn } from '../support/real-clients/suite.ts';
import { verifies } from '../support/verifies.ts';

/** A stream of a provider that is cut in the midst of its words. */
const BROKEN: ProviderAct = {
  headers: EVENTS,
  body: [
    events(
      [
        'message_start',
        {
          type: 'message_start',
          message: {
            id: 'msg_0',
            type: 'message',
            role: 'assistant',
            model: 'scripted',
            content: [],
            usage: {},
          },
        },
      ],
      [
        'content_block_start',
        { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      ],
      [
        'content_block_delta',
        { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Good mor' } },
      ],
    ),
    50,
  ],
  end: 'reset',
};

await testClient({
  name: 'Codex CLI',
  list: 'codex',
  model: 'codex-through-lanport',
  provider: 'messages',
  ask: async (turn) => {
    await using home = await openHome();
    return await ask(home, turn, ownProvider(turn));
  },
  more: (plain) => {
    it('makes its turn over a WebSocket with its built-in provider, after a warm-up', {
      timeout: CLIENT_MS,
    }, async () => {
      verifies('llm:real-clients');
      verifies('llm:websocket');
      await using home = await openHome();
      const { provider, gateway } = plain().stage;
      const before = provider.requests.length;
      expect(await ask(home, plain(), [`openai_base_url = "${gateway.url}/v1"`])).toBe(PLAIN);
      expect(provider.requests).toHaveLength(before + 1);
      expect(await gateway.logged(isClosing)).toMatchObject({ path: '/v1/responses', requests: 2 });
    });

    it('makes its turn over a WebSocket where its own provider is said to have them', {
      timeout: CLIENT_MS,
    }, async () => {
      verifies('llm:real-clients');
      verifies('llm:websocket');
      const { gateway } = plain().stage;
      const closed = gateway.log.filter(isClosing).length;
      for (const [at, [headers, prompt, said]] of [
        [{}, 'Say good morning.', PLAIN] as const,
        [{ 'x-mcp-servers': 'db' }, QUESTION, `It is ${SECRET}.`] as const,
      ].entries()) {
        await using home = await openHome();
        const turn = { ...plain(), headers, prompt };
        expect(await ask(home, turn, ownProvider(turn, 'supports_websockets = true'))).toBe(said);
        await gateway.logged((line) => isClosing(line) && gateway.log.filter(isClosing).length > closed + at);
      }
    });

    it('asks again when a stream breaks', { timeout: CLIENT_MS }, async () => {
      verifies('llm:real-clients');
      await using home = await openHome();
      const { provider, model, gateway } = plain().stage;
      const before = provider.requests.length;
      const closed = gateway.log.filter(isClosing).length;
      provider.answer(BROKEN, model);
      const said = await ask(home, plain(), [`openai_base_url = "${gateway.url}/v1"`]);
      expect(said).toBe(PLAIN);
      expect(provider.requests).toHaveLength(before + 2);
      await gateway.logged((line) => isClosing(line) && gateway.log.filter(isClosing).length > closed);
    });

    it('goes on over its WebSocket with the results of its tools alone', { timeout: CLIENT_MS }, async () => {
      verifies('llm:real-clients');
      verifies('llm:websocket-memory');
      await using home = await openHome();
      const { provider, gateway } = plain().stage;
      const before = provider.requests.length;
      const closed = gateway.log.filter(isClosing).length;
      const turn = { ...plain(), prompt: QUESTION, usesMcp: true };
      expect(await ask(home, turn, [`openai_base_url = "${gateway.url}/v1"`])).toBe(`It is ${SECRET}.`);
      const asked = provider.requests.slice(before);
      expect(asked.length).toBeGreaterThan(1);
      for (const { bytes } of asked) expect(bytes.toString('utf8')).toContain(QUESTION);
      await gateway.logged((line) => isClosing(line) && gateway.log.filter(isClosing).length > closed);
      expect(gateway.log.filter(isClosing).at(-1)).toMatchObject({ requests: asked.length + 1 });
      // What was said before is not sent again.
      const sizes = gateway.log
        .filter(({ message }) => message === 'call')
        .filter(({ operation }) => operation === 'responses/generate')
        .slice(-asked.length - 1)
        .map(({ bytesIn }) => Number(bytesIn));
      expect(sizes[0]).toBe(Math.max(...sizes));
    });

    it('uses a tool when it speaks the revision of MCP without sessions', {
      timeout: CLIENT_MS,
    }, async () => {
      verifies('llm:real-clients');
      await using home = await openHome();
      const { gateway } = plain().stage;
      const config = [`openai_base_url = "${gateway.url}/v1"`, '[features]', 'mcp_2026_07_28 = true'];
      const turn = { ...plain(), prompt: QUESTION, usesMcp: true };
      expect(await ask(home, turn, config)).toBe(`It is ${SECRET}.`);
    });
  },
});

/** The configuration of a provider that is the gateway, with these further lines. */
function ownProvider({ stage, headers }: Turn, ...more: readonly string[]): string[] {
  const fields = Object.entries(headers).map(([name, value]) => `"${name}" = "${value}"`);
  return [
    'model_provider = "lanport"',
    '[model_providers.lanport]',
    'name = "Lanport"',
    `base_url = "${stage.gateway.url}/v1"`,
    'env_key = "LANPORT_KEY"',
    'wire_api = "responses"',
    'request_max_retries = 0',
    'stream_max_retries = 0',
    `http_headers = { ${fields.join(', ')} }`,
    ...more,
  ];
}

const isClosing = ({ message }: LogLine): boolean => message === 'WebSocket closed';

/** One turn with these lines in its configuration, tables last. */
async function ask(home: ClientHome, turn: Turn, config: readonly string[]): Promise<string> {
  const { modules, stage, model, prompt, usesMcp } = turn;
  const { gateway } = stage;
  const server = [
    '[mcp_servers.lanport]',
    `url = "${gateway.url}/mcp"`,
    'bearer_token_env_var = "LANPORT_KEY"',
  ];
  const lines = [`model = "${model}"`, 'approval_policy = "never"', ...config, ...(usesMcp ? server : [])];
  await home.write('.codex/config.toml', lines.join('\n'));
  const { stdout } = await home.run(
    process.execPath,
    [join(modules, '@openai/codex/bin/codex.js'), 'exec', '--skip-git-repo-check', '--json', prompt],
    { LANPORT_KEY: gateway.key, CODEX_API_KEY: gateway.key },
  );
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { item?: { type: string; text?: string } })
    .flatMap(({ item }) => (item?.type === 'agent_message' ? [item.text] : []))
    .join('\n');
}
