import { posix } from 'node:path';
import type { Import, SourceFile } from './source-file.ts';
import { DOORS_FOR, GUARDED_MODULES, MAY_IMPORT, PACKAGES } from './table.ts';

export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly what: string;
  readonly reason: string;
}

/** What the rules know of the package: its dependencies, and those for development. */
export interface PackageNames {
  readonly dependencies: readonly string[];
}

/** The path that a relative import means, or undefined for a package or a Node.js module. */
export function targetOf(file: SourceFile, item: Import): string | undefined {
  return item.specifier.startsWith('.') ? posix.join(posix.dirname(file.path), item.specifier) : undefined;
}

export const isTest = (path: string): boolean => /\.(test|contract)\.ts$/.test(path);

/** Folder under src/; `main` for src/main.ts. */
export function folderOf(path: string): string {
  const parts = path.split('/');
  return parts.length === 2 ? (parts[1] ?? '').replace(/\.ts$/, '') : (parts[1] ?? '');
}

/** Every violation of one file's imports. `folders` are those that exist under src/. */
export function importViolations(file: SourceFile, names: PackageNames): readonly Violation[] {
  if (!file.path.startsWith('src/')) return [];
  const found: Violation[] = [];
  const violate = (item: Import, what: string, reason: string): void => {
    found.push({ path: file.path, line: item.line, what, reason });
  };
  const own = folderOf(file.path);
  if (MAY_IMPORT[own] === undefined) {
    found.push({
      path: file.path,
      line: 1,
      what: `folder ${own} has no row in the import table`,
      reason: 'a new folder says first what it may import (test/architecture/table.ts)',
    });
    return found;
  }
  for (const item of file.imports) {
    const target = targetOf(file, item);
    if (target !== undefined) relative(file, own, item, target, violate);
    else if (item.specifier.startsWith('node:')) nodeModule(file, item, violate);
    else packageImport(file, own, item, names, violate);
  }
  return found;
}

type Violate = (item: Import, what: string, reason: string) => void;

function relative(file: SourceFile, own: string, item: Import, target: string, violate: Violate): void {
  if (!target.startsWith('src/')) {
    const free = target === 'package.json' || (isTest(file.path) && target.startsWith('test/support/'));
    if (!free)
      violate(
        item,
        `imports ${target}`,
        'src/ stands alone: it imports nothing outside itself (tests: test/support)',
      );
    return;
  }
  const other = folderOf(target);
  if (other === own) return;
  const allowed = MAY_IMPORT[own];
  const door = DOORS_FOR.some((exception) => exception.from === own && exception.files.test(target));
  if (allowed !== 'all' && !allowed?.includes(other) && !door) {
    violate(
      item,
      `imports ${other}/ (${target})`,
      `${own}/ may import ${describeRow(own)}: imports point one way, type imports count`,
    );
    return;
  }
  if (target.split('/').length > 3 && !isConnectorDoor(target)) {
    violate(
      item,
      `imports ${target}`,
      `only root files of ${other}/ are public: export what is needed from one of them`,
    );
  }
}

/** Each connector is a module of its own: src/connectors/<name>/<file>.ts is its root. */
const isConnectorDoor = (target: string): boolean =>
  target.startsWith('src/connectors/') && target.split('/').length === 4;

function describeRow(folder: string): string {
  const row = MAY_IMPORT[folder];
  const parts = row === 'all' ? ['everything'] : [...(row ?? [])];
  for (const door of DOORS_FOR) if (door.from === folder) parts.push(`files like ${door.files.source}`);
  return parts.length === 0 ? 'nothing' : parts.join(', ');
}

function nodeModule(file: SourceFile, item: Import, violate: Violate): void {
  if (item.typeOnly || isTest(file.path)) return;
  for (const rule of GUARDED_MODULES) {
    if (rule.module !== item.specifier || rule.allowed.test(file.path)) continue;
    const hit = rule.names === 'all' ? item.names : item.names.filter((name) => isGuarded(rule.names, name));
    if (hit.length > 0 || (rule.names === 'all' && item.names.length === 0)) {
      violate(item, `imports ${hit.join(', ')} of ${item.specifier}`, rule.reason);
      return;
    }
  }
}

/** A namespace or default import gives access to every name. */
function isGuarded(names: readonly string[] | 'all', name: string): boolean {
  return names === 'all' || names.includes(name) || name === '*' || name === 'default';
}

function packageImport(
  file: SourceFile,
  own: string,
  item: Import,
  names: PackageNames,
  violate: Violate,
): void {
  if (isTest(file.path)) return;
  const name = item.specifier.startsWith('@')
    ? item.specifier.split('/').slice(0, 2).join('/')
    : (item.specifier.split('/')[0] ?? '');
  if (item.specifier === '') {
    violate(
      item,
      'imports a computed path',
      'imports are literal, so that this check and the bundler see them',
    );
    return;
  }
  for (const rule of PACKAGES) {
    if (rule.names.includes(name) && !rule.folders.includes(own))
      violate(item, `imports ${name}`, rule.reason);
  }
  if (!names.dependencies.includes(name)) {
    violate(
      item,
      `imports ${name}`,
      'src/ may only import what package.json lists under dependencies; Node.js modules are written node:…',
    );
  }
}
