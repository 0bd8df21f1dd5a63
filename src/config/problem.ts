/** One thing that is wrong with, or worth knowing about, the configuration. No text of it ever contains a secret. */
export interface ConfigProblem {
  readonly severity: 'error' | 'warning';
  /** Path of the value, for example `mcp_servers.db.transport`; empty when the whole file is meant. */
  readonly path: string;
  /** File, environment variable or command line that the value comes from. */
  readonly file: string;
  /** From 1; `undefined` outside files. */
  readonly line: number | undefined;
  readonly column: number | undefined;
  /** What is wrong, as the rest of a sentence that begins with the path. */
  readonly what: string;
  /** What to do, as a sentence. */
  readonly hint: string | undefined;
}

/** The configuration cannot be used. Carries every problem that was found, warnings included, in the order of the file. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const errors = problems.filter(({ severity }) => severity === 'error');
    super(errors.map(formatProblem).join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** `file:line:col: error: path: what. hint`, on one line. */
export function formatProblem(problem: ConfigProblem): string {
  const { file, line, column, severity, path, what, hint } = problem;
  const place = [file, line, column].filter((part) => part !== undefined).join(':');
  const text = [severity, ...(path === '' ? [] : [path]), what].join(': ');
  const sentence = /[.!?]$/.test(text) ? text : `${text}.`;
  return `${place}: ${hint === undefined ? sentence : `${sentence} ${hint}`}`.replaceAll(/[\r\n]+/g, ' ');
}
