import type { ConfigPath, ConfigReport } from '../core/setting.ts';
import type { ConfigProblem } from './problem.ts';
import { locate, type MapNode, nodeAt, type Position } from './tree.ts';

/** Gathers problems and finds out where each of them stands. */
export class Collector implements ConfigReport {
  readonly problems: ConfigProblem[] = [];
  #root: MapNode | undefined;

  /** From now on, paths are looked up in `root`. */
  use(root: MapNode): void {
    this.#root = root;
  }

  get failed(): boolean {
    return this.problems.some(({ severity }) => severity === 'error');
  }

  error(path: ConfigPath, what: string, hint?: string): void {
    this.#add('error', path, what, hint);
  }

  warning(path: ConfigPath, what: string, hint?: string): void {
    this.#add('warning', path, what, hint);
  }

  /** A problem at a place that is known already. */
  at(
    position: Position,
    severity: ConfigProblem['severity'],
    path: string,
    what: string,
    hint?: string,
  ): void {
    this.problems.push({
      severity,
      path,
      file: position.file,
      line: position.line,
      column: position.column,
      what,
      hint,
    });
  }

  broken(path: ConfigPath): boolean {
    const shown = this.show(path);
    return this.problems.some((problem) => problem.severity === 'error' && problem.path === shown);
  }

  /** Whether an error already stands at this very place, of which another one would only be the consequence. */
  reported(path: ConfigPath): boolean {
    if (this.#root === undefined) return false;
    const { path: shown, at } = locate(this.#root, path);
    return this.problems.some(
      (problem) => problem.severity === 'error' && problem.path === shown && problem.line === at.line,
    );
  }

  show(path: ConfigPath): string {
    return this.#root === undefined ? '' : locate(this.#root, path).path;
  }

  source(path: ConfigPath): { file: string; line: number; keyLines: Record<string, number> } {
    if (this.#root === undefined) return { file: '', line: 1, keyLines: {} };
    const node = nodeAt(this.#root, path);
    const { at } = locate(this.#root, path);
    const keyLines: Record<string, number> = {};
    if (node?.kind === 'map') {
      for (const [key, entry] of node.entries)
        if (entry.keyAt.line !== undefined) keyLines[key] = entry.keyAt.line;
    }
    return { file: at.file, line: at.line ?? 1, keyLines };
  }

  /** Everything found, file by file in the order in which they were read, top to bottom. */
  sorted(files: readonly string[]): readonly ConfigProblem[] {
    const rank = (problem: ConfigProblem): number => {
      const at = files.indexOf(problem.file);
      return at < 0 ? files.length : at;
    };
    return this.problems.toSorted(
      (a, b) => rank(a) - rank(b) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
    );
  }

  #add(severity: ConfigProblem['severity'], path: ConfigPath, what: string, hint: string | undefined): void {
    const place =
      this.#root === undefined
        ? { path: '', at: { file: '', line: undefined, column: undefined } }
        : locate(this.#root, path);
    this.at(place.at, severity, place.path, what, hint);
  }
}
