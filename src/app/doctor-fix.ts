import { readFile } from 'node:fs/promises';
import { EditRefused, editServer } from '../config/edit-server.ts';
import { inspectConfig } from '../config/load.ts';
import { formatProblem } from '../config/problem.ts';
import { replaceFile } from '../config/replace-file.ts';
import type { AsWritten, Change } from '../mcp/diagnose.ts';
import type { ServerConfig } from '../mcp/mcp-ports.ts';
import { writtenOf } from './doctor-written.ts';

interface FixOptions {
  readonly config?: string | undefined;
  readonly envFile?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type Fixed =
  | { readonly config: ServerConfig; readonly written: AsWritten }
  /** Why the file was left as it is. */
  | { readonly refused: string };

/** Writes changes into the file that declares a server, after loading the result as the gateway would. Never leaves half a file. */
export async function fixServer(
  config: ServerConfig,
  changes: readonly Change[],
  options: FixOptions,
): Promise<Fixed> {
  const { file } = config.source;
  let text: string;
  try {
    const edits = changes.map((change) =>
      'value' in change && change.path.join('.') === 'url' ? { ...change, was: config.url } : change,
    );
    text = editServer(await readFile(file, 'utf8'), config.name, edits);
  } catch (error) {
    if (error instanceof EditRefused) return { refused: `${error.message}. Change it by hand.` };
    throw error;
  }
  const changed = await inspectConfig({
    file: options.config,
    env: options.env,
    envFile: options.envFile,
    readFile: (path) => (path === file ? Promise.resolve(Buffer.from(text)) : readFile(path)),
  });
  const server = changed.config?.mcp.servers.find(({ name }) => name === config.name);
  const urlChange = changes.find((change) => change.path.join('.') === 'url');
  if (
    server === undefined ||
    (urlChange !== undefined && 'value' in urlChange && server.url !== urlChange.value)
  ) {
    const errors = changed.problems.filter(({ severity }) => severity === 'error').map(formatProblem);
    return {
      refused: `With the change the file could not be used: ${errors.join(' ') || 'the address would be another one'}`,
    };
  }
  try {
    await replaceFile(file, text);
  } catch (error) {
    return {
      refused: `${file} cannot be written (${(error as NodeJS.ErrnoException).code ?? String(error)}). Change it by hand.`,
    };
  }
  return { config: server, written: writtenOf(changed.root, config.name) };
}
