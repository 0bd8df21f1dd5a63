import type { TestGateway } from '../gateway.ts';
import { gatewayFor } from './gateway.ts';
import {
  type Json,
  type ScriptedKind,
  type ScriptedOptions,
  type ScriptedServer,
  startScripted,
} from './scripted-server.ts';

export const ALL_KINDS = [
  'stdio',
  'http',
  'sse',
  'modern',
  'modern-stdio',
] as const satisfies readonly ScriptedKind[];

/** A gateway of scripted servers, each under the name of its kind, without the dash. */
export interface ScriptedFleet extends AsyncDisposable {
  readonly gateway: TestGateway;
  of(kind: ScriptedKind): ScriptedServer;
  /** What a tool, a prompt of that kind's server is called in the scope of all. */
  named(kind: ScriptedKind, original: string): string;
}

const nameOf = (kind: ScriptedKind): string => kind.replaceAll('-', '');

/** Starts a server of each kind with a tool `work`, and a gateway of them all. */
export async function startFleet(
  kinds: readonly ScriptedKind[] = ALL_KINDS,
  options: ScriptedOptions = {},
  entries: Readonly<Partial<Record<ScriptedKind, Json>>> = {},
): Promise<ScriptedFleet> {
  const servers = new Map<ScriptedKind, ScriptedServer>();
  const close = async (): Promise<void> => {
    await Promise.all([...servers.values()].map((server) => server[Symbol.asyncDispose]()));
  };
  try {
    for (const kind of kinds) {
      const offer = { tools: [{ name: 'work', inputSchema: { type: 'object' } }], ...options.offer };
      servers.set(kind, await startScripted(kind, { ...options, offer }));
    }
    const gateway = await gatewayFor(
      Object.fromEntries(kinds.map((kind) => [nameOf(kind), servers.get(kind)!])),
      Object.fromEntries(kinds.map((kind) => [nameOf(kind), entries[kind] ?? {}])),
    );
    return {
      gateway,
      of: (kind) => servers.get(kind)!,
      named: (kind, original) => (kinds.length > 1 ? `${nameOf(kind)}-${original}` : original),
      [Symbol.asyncDispose]: async () => {
        await gateway[Symbol.asyncDispose]();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
