import { parseSync } from 'oxc-parser';

/** One import, re-export, dynamic import or import type. */
export interface Import {
  readonly specifier: string;
  /** Imported names; `default`, `*` for a namespace, empty for an import without names. */
  readonly names: readonly string[];
  readonly typeOnly: boolean;
  readonly line: number;
}

/** Something in a file that a rule may object to. `name` says which one of its kind. */
export interface Finding {
  readonly kind:
    | 'parse-error'
    | 'default-export'
    | 'export-star'
    | 'enum'
    | 'module-mock'
    | 'skipped-test'
    | 'environment'
    | 'outbound-global'
    | 'mutable-module-state'
    | 'inheritance'
    | 'function-into-property';
  readonly name: string;
  readonly line: number;
}

export interface SourceFile {
  /** Relative to the checkout, with `/`. */
  readonly path: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  readonly findings: readonly Finding[];
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly [member: string]: unknown;
}

const TEST_FUNCTIONS: ReadonlySet<string> = new Set(['it', 'test', 'describe', 'bench', 'suite']);
const SKIPPING: ReadonlySet<string> = new Set(['skip', 'only', 'todo', 'skipIf', 'runIf', 'fails']);
const WRAPPERS: ReadonlySet<string> = new Set([
  'ParenthesizedExpression',
  'TSAsExpression',
  'TSSatisfiesExpression',
  'TSNonNullExpression',
  'TSTypeAssertion',
]);
const MOCKING: ReadonlySet<string> = new Set(['mock', 'doMock', 'hoisted', 'importMock']);

/** Reads one TypeScript file into what the rules need. Syntax errors are findings. */
export function readSource(path: string, text: string, outboundGlobals: ReadonlySet<string>): SourceFile {
  const { program, errors } = parseSync(path, text);
  const lineOf = lineFinder(text);
  const imports: Import[] = [];
  const findings: Finding[] = errors.map((error) => ({
    kind: 'parse-error',
    name: error.message,
    line: lineOf(error.labels[0]?.start ?? 0),
  }));
  const add = (kind: Finding['kind'], name: string, node: Node): void => {
    findings.push({ kind, name, line: lineOf(node.start) });
  };
  for (const statement of program.body as unknown as readonly Node[]) moduleStatement(statement, add);
  walk(program as unknown as Node, undefined, '', (node, parent, member) => {
    const imported = importOf(node, lineOf);
    if (imported !== undefined) imports.push(imported);
    visit(node, parent, member, outboundGlobals, add);
  });
  return { path, lines: lineOf(text.length) - (text.endsWith('\n') ? 1 : 0), imports, findings };
}

type Add = (kind: Finding['kind'], name: string, node: Node) => void;

function moduleStatement(statement: Node, add: Add): void {
  const declaration =
    statement.type === 'ExportNamedDeclaration' ? (statement.declaration as Node | null) : statement;
  if (statement.type === 'ExportDefaultDeclaration') add('default-export', 'default', statement);
  if (statement.type === 'ExportAllDeclaration') add('export-star', stringOf(statement.source), statement);
  if (declaration?.type !== 'VariableDeclaration' || declaration.declare === true) return;
  for (const declarator of declaration.declarations as readonly Node[]) {
    const name = identifier(declarator.id) ?? '{…}';
    if (declaration.kind !== 'const') add('mutable-module-state', name, declarator);
    else if (isEmptyCollection(declarator.init)) add('mutable-module-state', name, declarator);
  }
}

/** `new Map()` and its like, made empty: a module can only mean to fill it later. */
function isEmptyCollection(value: unknown): boolean {
  if (!isNode(value) || value.type !== 'NewExpression') return false;
  const name = identifier(value.callee);
  return (
    name !== undefined &&
    /^(Map|Set|WeakMap|WeakSet)$/.test(name) &&
    (value.arguments as readonly Node[]).length === 0
  );
}

function visit(
  node: Node,
  parent: Node | undefined,
  member: string,
  outboundGlobals: ReadonlySet<string>,
  add: Add,
): void {
  switch (node.type) {
    case 'ExportSpecifier':
      if (identifier(node.exported) === 'default') add('default-export', 'default', node);
      return;
    case 'TSEnumDeclaration':
      add('enum', identifier(node.id) ?? '', node);
      return;
    case 'ClassDeclaration':
    case 'ClassExpression': {
      const base = isNode(node.superClass) ? (identifier(node.superClass) ?? 'expression') : undefined;
      if (base !== undefined && !base.endsWith('Error')) add('inheritance', base, node);
      return;
    }
    case 'MemberExpression':
      visitMember(node, add);
      return;
    case 'AssignmentExpression':
    case 'AssignmentPattern': {
      const left = bare(node.left);
      if (left?.type === 'MemberExpression' && isFunctionLiteral(bare(node.right)))
        add('function-into-property', nameOfMember(left), node);
      return;
    }
    case 'VariableDeclarator':
      if (isNode(node.init) && identifier(node.init) === 'process' && patternHas(node.id, 'env'))
        add('environment', 'process.env', node);
      return;
    case 'Identifier': {
      const name = identifier(node) ?? '';
      if (!outboundGlobals.has(name) || parent === undefined) return;
      const used =
        (parent.type === 'CallExpression' || parent.type === 'NewExpression') && member === 'callee';
      if (used) add('outbound-global', name, node);
      return;
    }
    default:
  }
}

function visitMember(node: Node, add: Add): void {
  const property = node.computed === true ? stringOf(node.property) : (identifier(node.property) ?? '');
  const object = identifier(node.object);
  if (object === 'process' && property === 'env') add('environment', 'process.env', node);
  if (object === 'globalThis' && property === 'fetch') add('outbound-global', 'fetch', node);
  if (object === 'vi' && MOCKING.has(property)) add('module-mock', `vi.${property}`, node);
  const root = rootName(node.object);
  if (root !== undefined && TEST_FUNCTIONS.has(root) && SKIPPING.has(property))
    add('skipped-test', `${root}.${property}`, node);
}

/** What V8 sees of an expression: no parentheses, no types. */
function bare(value: unknown): Node | undefined {
  if (!isNode(value)) return undefined;
  return WRAPPERS.has(value.type) ? bare(value.expression) : value;
}

function isFunctionLiteral(value: unknown): boolean {
  return isNode(value) && /^(Arrow)?FunctionExpression$/.test(value.type);
}

function nameOfMember({ property }: Node): string {
  const name = identifier(property) ?? '[…]';
  return isNode(property) && property.type === 'PrivateIdentifier' ? `#${name}` : name;
}

/** `it` of `it.each(…)` and of `it.concurrent.each`. */
function rootName(value: unknown): string | undefined {
  if (!isNode(value)) return undefined;
  if (value.type === 'MemberExpression') return rootName(value.object);
  if (value.type === 'CallExpression') return rootName(value.callee);
  return identifier(value);
}

function importOf(node: Node, lineOf: (offset: number) => number): Import | undefined {
  const line = lineOf(node.start);
  switch (node.type) {
    case 'ImportDeclaration': {
      const specifiers = node.specifiers as readonly Node[];
      const allTypes = specifiers.length > 0 && specifiers.every((item) => item.importKind === 'type');
      const values = specifiers.filter((item) => item.importKind !== 'type');
      const typeOnly = node.importKind === 'type' || allTypes;
      return {
        specifier: stringOf(node.source),
        names: (typeOnly ? specifiers : values).map(importedName),
        typeOnly,
        line,
      };
    }
    case 'ExportNamedDeclaration': {
      if (!isNode(node.source)) return undefined;
      const names = (node.specifiers as readonly Node[]).map((item) => identifier(item.local) ?? '*');
      return { specifier: stringOf(node.source), names, typeOnly: node.exportKind === 'type', line };
    }
    case 'ExportAllDeclaration':
      return { specifier: stringOf(node.source), names: ['*'], typeOnly: node.exportKind === 'type', line };
    case 'ImportExpression':
      return { specifier: stringOf(node.source), names: ['*'], typeOnly: false, line };
    case 'TSImportType':
      return { specifier: stringOf(node.source ?? node.argument), names: ['*'], typeOnly: true, line };
    default:
      return undefined;
  }
}

function importedName(specifier: Node): string {
  if (specifier.type === 'ImportDefaultSpecifier') return 'default';
  if (specifier.type === 'ImportNamespaceSpecifier') return '*';
  return identifier(specifier.imported) ?? '*';
}

function patternHas(pattern: unknown, name: string): boolean {
  if (!isNode(pattern) || pattern.type !== 'ObjectPattern') return false;
  return (pattern.properties as readonly Node[]).some((property) => identifier(property.key) === name);
}

function identifier(value: unknown): string | undefined {
  if (!isNode(value)) return undefined;
  if (value.type === 'Literal' && typeof value.value === 'string') return value.value;
  return typeof value.name === 'string' ? value.name : undefined;
}

function stringOf(value: unknown): string {
  if (!isNode(value)) return '';
  if (typeof value.value === 'string') return value.value;
  return isNode(value.literal) ? stringOf(value.literal) : '';
}

function isNode(value: unknown): value is Node {
  return (
    typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string'
  );
}

function walk(
  node: Node,
  parent: Node | undefined,
  member: string,
  see: (node: Node, parent: Node | undefined, member: string) => void,
): void {
  see(node, parent, member);
  for (const key in node) {
    const value = node[key];
    if (isNode(value)) walk(value, node, key, see);
    else if (Array.isArray(value)) {
      for (const item of value) if (isNode(item)) walk(item, node, key, see);
    }
  }
}

/** 1-based line of a character offset. */
function lineFinder(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}
