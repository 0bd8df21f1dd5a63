import { readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { parseEnv } from 'node:util';
import type { Collector } from './collector.ts';
import { interpolate, type Lookup } from './interpolate.ts';
import { readYaml } from './read-yaml.ts';
import { type ConfigNode, type MapNode, mapNode } from './tree.ts';

/** Largest configuration file, in bytes. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;
const FILES_MAX = 32;

/** Access to files; tests hand in their own. */
export interface ConfigFiles {
  readFile(path: string): Promise<Uint8Array>;
  /** Permission bits, or `undefined` where they mean nothing. */
  mode(path: string): Promise<number | undefined>;
}

/** The files of this machine. */
export const diskFiles: ConfigFiles = {
  readFile: (path) => readFile(path),
  mode: async (path) => (process.platform === 'win32' ? undefined : (await stat(path)).mode & 0o777),
};

/** Reads the file and what it includes into one tree. Problems go to `collector`; then the tree may lack what could not be read. */
export async function readConfigFiles(
  file: string,
  lookup: Lookup,
  files: ConfigFiles,
  collector: Collector,
): Promise<{ readonly root: MapNode; readonly paths: readonly string[] }> {
  const paths: string[] = [];
  const read = async (path: string): Promise<MapNode> => {
    const empty = mapNode({ file: path, line: 1, column: 1 });
    paths.push(path);
    const text = await readText(path, files, collector);
    if (text === undefined) return empty;
    const { root, problems } = readYaml(text, path);
    collector.problems.push(...problems);
    if (root === undefined) return empty;
    if (root.kind !== 'map') {
      const kind = root.kind === 'list' ? 'a list' : 'a single value';
      collector.at(
        root.at,
        'error',
        '',
        `the file must be a map of sections, not ${kind}`,
        'Begin lines with a section such as "mcp_servers:".',
      );
      return empty;
    }
    for (const included of includes(root, path, lookup, collector)) {
      if (paths.includes(included.path))
        collector.at(
          included.node.at,
          'error',
          'include',
          `names ${included.path}, which is being read already`,
          'Include every file once.',
        );
      else if (paths.length >= FILES_MAX)
        collector.at(included.node.at, 'error', 'include', `makes more than ${FILES_MAX} files`);
      else mergeInto(root, await read(included.path), '', collector);
    }
    return root;
  };
  return { root: await read(file), paths };
}

function includes(
  root: MapNode,
  file: string,
  lookup: Lookup,
  collector: Collector,
): { path: string; node: ConfigNode }[] {
  const entry = root.entries.get('include');
  if (entry?.node.kind !== 'list') return [];
  root.entries.delete('include');
  return entry.node.items.flatMap(({ node, index }) => {
    if (node.kind !== 'scalar' || typeof node.value !== 'string') {
      collector.at(node.at, 'error', `include[${index}]`, 'must be the name of a file');
      return [];
    }
    const { text, problems } = interpolate(node.value, lookup);
    for (const { what, hint } of problems) collector.at(node.at, 'error', `include[${index}]`, what, hint);
    return problems.length > 0 ? [] : [{ path: isAbsolute(text) ? text : join(dirname(file), text), node }];
  });
}

/** Lists are appended, maps merged key by key; of two other values the included one counts, as in LiteLLM. */
function mergeInto(target: MapNode, from: MapNode, path: string, collector: Collector): void {
  for (const [key, entry] of from.entries) {
    const known = target.entries.get(key);
    const here = path === '' ? key : `${path}.${key}`;
    if (known?.node.kind === 'map' && entry.node.kind === 'map')
      mergeInto(known.node, entry.node, here, collector);
    else if (known?.node.kind === 'list' && entry.node.kind === 'list')
      known.node.items.push(...entry.node.items);
    else {
      if (known !== undefined) {
        const { file, line } = known.keyAt;
        collector.at(
          entry.keyAt,
          'warning',
          here,
          `replaces the value of ${file}:${line}`,
          'Keep one of them.',
        );
      }
      target.entries.set(key, entry);
    }
  }
}

/** The file as text, or `undefined` after saying why not. */
async function readText(path: string, files: ConfigFiles, collector: Collector): Promise<string | undefined> {
  const fail = (what: string, hint?: string): undefined =>
    collector.at({ file: path, line: undefined, column: undefined }, 'error', '', what, hint) as undefined;
  let bytes: Uint8Array;
  try {
    bytes = await files.readFile(path);
  } catch (error) {
    const [what, hint] = readFailure(error);
    return fail(what, hint);
  }
  if (bytes.length > FILE_BYTES_MAX)
    return fail(`the file is larger than ${FILE_BYTES_MAX / 1024 / 1024} MiB`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return fail('the file is not UTF-8 text', 'Save it as UTF-8.');
  }
}

function readFailure(error: unknown): readonly [string, string] {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') return ['the file does not exist', 'Check the path.'];
  if (code === 'EISDIR') return ['this is a directory, not a file', 'Name the file in it.'];
  if (code === 'EACCES' || code === 'EPERM')
    return ['the file may not be read by this user', 'Change its permissions or owner.'];
  return [`the file cannot be read (${code ?? 'unknown error'})`, 'Check the path and the disk.'];
}

/** Variables of an env file (NAME=value lines). A file that others may read is a warning. */
export async function readEnvFile(
  path: string,
  files: ConfigFiles,
  collector: Collector,
): Promise<Readonly<Record<string, string | undefined>>> {
  const text = await readText(path, files, collector);
  if (text === undefined) return {};
  const mode = await files.mode(path).catch(() => undefined);
  if (mode !== undefined && (mode & 0o077) !== 0) {
    const shown = mode.toString(8).padStart(3, '0');
    collector.at(
      { file: path, line: undefined, column: undefined },
      'warning',
      '',
      `others than its owner may read this env file (mode ${shown})`,
      `Run: chmod 600 ${path}`,
    );
  }
  return parseEnv(text);
}
