import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installClients } from './install.ts';
import type { ModelFormat } from './scripted-model.ts';
import { openStage, PLAIN, QUESTION, SECRET, type Stage } from './stage.ts';
import { verifies } from '../verifies.ts';

/** How one turn of a client is to go. */
export interface Turn {
  /** Where its packages are installed. */
  readonly modules: string;
  readonly stage: Stage;
  readonly model: string;
  readonly prompt: string;
  /** Whether the client is told of `/mcp`. */
  readonly usesMcp: boolean;
  /** To be sent with each request to a model. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface ClientUnderTest {
  readonly name: string;
  /** Its folder in test/real-clients. */
  readonly list: string;
  readonly model: string;
  /** The format of the model's provider. */
  readonly provider: ModelFormat;
  /** Makes one turn; the client's last words. */
  readonly ask: (turn: Turn) => Promise<string>;
  /** Declares further tests of this client alone; `plain` is what a plain turn gets. */
  readonly more?: (plain: () => Turn) => void;
}

/** A client and what it starts, on a machine that does other things, too. Milliseconds. */
export const CLIENT_MS = 90_000;

/** Tests of one client from npm: a plain turn, a tool through `/mcp`, a tool that the gateway calls. */
export async function testClient({ name, list, model, provider, ask, more }: ClientUnderTest): Promise<void> {
  const { modules, missing } = await installClients(list);

  it.each(missing === undefined ? [] : [missing])(
    `${name} is not tested, because the npm registry cannot be reached: %s`,
    () => {
      expect(process.env['LANPORT_CLIENTS'], 'npm run test:clients cannot test it').not.toBe('required');
    },
  );

  describe.each(modules === undefined ? [] : [modules])(`${name} and a provider of ${provider}`, (where) => {
    let stage: Stage;
    const plain = (): Turn => ({
      modules: where,
      stage,
      model,
      prompt: 'Say good morning.',
      usesMcp: false,
      headers: {},
    });

    beforeAll(async () => {
      stage = await openStage(model, provider);
    });

    afterAll(async () => {
      await stage?.[Symbol.asyncDispose]();
    });

    it('completes a plain turn', { timeout: CLIENT_MS }, async () => {
      verifies('llm:real-clients');
      expect(await ask(plain())).toBe(PLAIN);
    });

    it('uses a tool through its own connection to /mcp', { timeout: CLIENT_MS }, async () => {
      verifies('llm:real-clients');
      expect(await ask({ ...plain(), prompt: QUESTION, usesMcp: true })).toBe(`It is ${SECRET}.`);
    });

    it('has its model use a tool of the gateway', { timeout: CLIENT_MS }, async () => {
      verifies('llm:real-clients');
      const headers = { 'x-mcp-servers': 'db' };
      expect(await ask({ ...plain(), prompt: QUESTION, headers })).toBe(`It is ${SECRET}.`);
    });

    more?.(plain);
  });
}
