import { isTest, targetOf, type Violation } from './import-rules.ts';
import type { SourceFile } from './source-file.ts';

/** Import cycles between files of src/, each reported once with its path. */
export function cycleViolations(files: ReadonlyMap<string, SourceFile>): readonly Violation[] {
  const found: Violation[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const stack: string[] = [];
  const enter = (path: string): void => {
    state.set(path, 'open');
    stack.push(path);
    const file = files.get(path);
    for (const item of file?.imports ?? []) {
      const target = file === undefined ? undefined : targetOf(file, item);
      if (target === undefined || !files.has(target)) continue;
      const seen = state.get(target);
      if (seen === undefined) enter(target);
      else if (seen === 'open') {
        const cycle = [...stack.slice(stack.indexOf(target)), target];
        found.push({
          path,
          line: item.line,
          what: `import cycle ${cycle.join(' -> ')}`,
          reason: 'imports point one way; move what both need into a third file',
        });
      }
    }
    stack.pop();
    state.set(path, 'done');
  };
  for (const path of files.keys()) {
    if (path.startsWith('src/') && !isTest(path) && !state.has(path)) enter(path);
  }
  return found;
}

/** Black-box tests that reach src/, directly or by way of test/support. */
export function blackBoxViolations(files: ReadonlyMap<string, SourceFile>): readonly Violation[] {
  const found: Violation[] = [];
  for (const [path, file] of files) {
    if (!path.startsWith('test/acceptance/')) continue;
    for (const item of file.imports) {
      const target = targetOf(file, item);
      const route = target === undefined ? undefined : routeToSrc(target, files, [path]);
      if (route !== undefined) {
        found.push({
          path,
          line: item.line,
          what: `reaches src/: ${route.join(' -> ')}`,
          reason: 'acceptance tests use the gateway as its users do',
        });
      }
    }
  }
  return found;
}

function routeToSrc(
  path: string,
  files: ReadonlyMap<string, SourceFile>,
  before: readonly string[],
): readonly string[] | undefined {
  if (before.includes(path)) return undefined;
  const route = [...before, path];
  if (path.startsWith('src/')) return route;
  const file = files.get(path);
  for (const item of file?.imports ?? []) {
    const target = file === undefined ? undefined : targetOf(file, item);
    const found = target === undefined ? undefined : routeToSrc(target, files, route);
    if (found !== undefined) return found;
  }
  return undefined;
}
