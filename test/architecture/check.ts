import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeViolations, sizeNote } from './code-rules.ts';
import { blackBoxViolations, cycleViolations } from './graph-rules.ts';
import { importViolations, type PackageNames, type Violation } from './import-rules.ts';
import { readSource, type SourceFile } from './source-file.ts';
import { OUTBOUND_GLOBALS } from './table.ts';

/** What the check says. Each line of `violations` ends with the rule's reason. */
export interface ArchitectureReport {
  readonly files: number;
  readonly violations: readonly string[];
  readonly notes: readonly string[];
}

const FOLDERS = ['src', 'test', 'bench', 'scripts'] as const;

/** Checks the TypeScript files of the checkout at `root`. Throws when there are none under src/: a check of nothing must not pass. */
export async function checkArchitecture(root: string): Promise<ArchitectureReport> {
  const texts = new Map<string, string>();
  for (const folder of FOLDERS) {
    for (const path of await typeScriptFiles(root, folder))
      texts.set(path, await readFile(join(root, path), 'utf8'));
  }
  const { dependencies = {} } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    dependencies?: Record<string, string>;
  };
  return checkFiles(texts, { dependencies: Object.keys(dependencies) });
}

/** The same over texts by path. Throws when no path is under src/. */
export function checkFiles(texts: ReadonlyMap<string, string>, names: PackageNames): ArchitectureReport {
  const files = new Map<string, SourceFile>();
  for (const [path, text] of texts) files.set(path, readSource(path, text, OUTBOUND_GLOBALS));
  if (![...files.keys()].some((path) => path.startsWith('src/')))
    throw new Error('the architecture check found no files under src/');
  const each = [...files.values()].flatMap((file) => [
    ...importViolations(file, names),
    ...codeViolations(file),
  ]);
  const all = [...each, ...cycleViolations(files), ...blackBoxViolations(files)];
  const notes = [...files.values()].map(sizeNote).filter((note) => note !== undefined);
  return { files: files.size, violations: all.map(describe), notes };
}

function describe(violation: Violation): string {
  return `${violation.path}:${violation.line}: ${violation.what}. Why not: ${violation.reason}.`;
}

async function typeScriptFiles(root: string, folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(join(root, folder), { recursive: true });
    return entries
      .filter(
        (name) =>
          name.endsWith('.ts') &&
          !name.split('/').some((part) => part === 'node_modules' || part === 'golden'),
      )
      .map((name) => `${folder}/${name}`)
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
