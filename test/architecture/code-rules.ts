import { basename } from 'node:path';
import { isTest, type Violation } from './import-rules.ts';
import type { Finding, SourceFile } from './source-file.ts';
import { DATA_TABLES, LINES_MAX, LINES_NOTED } from './table.ts';

interface CodeRule {
  /** Which files the rule holds for. */
  readonly applies: (path: string) => boolean;
  readonly reason: string;
}

const everywhere = (): boolean => true;
const production = (path: string): boolean => path.startsWith('src/') && !isTest(path);

const CODE_RULES: Readonly<Record<Finding['kind'], CodeRule>> = {
  'parse-error': { applies: everywhere, reason: 'a file that cannot be parsed cannot be checked' },
  'default-export': {
    // The configuration files of tools are what their tools want.
    applies: (path) => !/^[^/]+\.config\.ts$/.test(path),
    reason: 'a named export is found by its name everywhere',
  },
  'export-star': {
    applies: everywhere,
    reason: 'a barrel hides where a name comes from; re-export names one by one',
  },
  enum: {
    applies: everywhere,
    reason: 'Node.js runs the sources with their types stripped; use a union of strings',
  },
  'module-mock': {
    applies: everywhere,
    reason: 'dependencies are handed in, so a test hands in its own instead of replacing a module',
  },
  'skipped-test': {
    applies: everywhere,
    reason: 'a test that does not run protects nothing: make it run, or delete it',
  },
  environment: {
    applies: (path) => production(path) && !path.startsWith('src/config/') && path !== 'src/main.ts',
    reason: 'the environment is read by config/ only; src/main.ts hands it over',
  },
  'outbound-global': {
    applies: (path) => production(path) && !path.startsWith('src/net/'),
    reason: 'outbound sockets are opened in net/ only, where deadlines, bounds and address checks are',
  },
  'mutable-module-state': {
    applies: production,
    reason:
      'module-level state is shared by everything in the process and by every test; keep it in what app/ constructs',
  },
  'function-into-property': {
    applies: production,
    reason:
      'V8 puts a function literal that is assigned to a property among the old objects, where everything that it refers to is kept until the next full collection; give it a name first (const f = …; this.f = f)',
  },
  inheritance: { applies: production, reason: 'nothing is inherited except Error; hand in what differs' },
};

const NAMELESS = /(^|-)(utils?|helpers?|common|misc|types)$/;
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|contract|config))*\.ts$/;

/** Every violation of one file by itself. */
export function codeViolations(file: SourceFile): readonly Violation[] {
  const found: Violation[] = [];
  for (const finding of file.findings) {
    const rule = CODE_RULES[finding.kind];
    if (rule.applies(file.path)) {
      found.push({
        path: file.path,
        line: finding.line,
        what: `${finding.kind}: ${finding.name}`,
        reason: rule.reason,
      });
    }
  }
  const name = basename(file.path);
  const stem = name.replace(/(\.(test|contract|config))*\.ts$/, '');
  if (NAMELESS.test(stem)) {
    found.push({
      path: file.path,
      line: 1,
      what: `file name ${name}`,
      reason: 'a file is named after what it is for',
    });
  }
  if (stem === 'index') {
    found.push({
      path: file.path,
      line: 1,
      what: `file name ${name}`,
      reason: 'no barrels: a file is named after its main export',
    });
  }
  if (!KEBAB.test(name)) {
    found.push({ path: file.path, line: 1, what: `file name ${name}`, reason: 'file names are kebab-case' });
  }
  if (file.lines > LINES_MAX && !DATA_TABLES.has(file.path)) {
    found.push({
      path: file.path,
      line: LINES_MAX + 1,
      what: `${file.lines} lines`,
      reason: `a file has at most ${LINES_MAX} lines; split it by purpose`,
    });
  }
  return found;
}

/** A remark that does not fail: the file is getting long. */
export function sizeNote(file: SourceFile): string | undefined {
  return file.lines > LINES_NOTED && file.lines <= LINES_MAX
    ? `note: ${file.path} has ${file.lines} lines (${LINES_NOTED} is a smell)`
    : undefined;
}
