const RULES_MAX = 200;
const FORMS =
  'write column, table.column, schema.table.column, /regular expression of column names/ or type:name';

/** Which columns are masked. */
export type MaskRule =
  | {
      readonly kind: 'name';
      readonly schema: string | undefined;
      readonly table: string | undefined;
      readonly column: string;
    }
  | { readonly kind: 'pattern'; readonly pattern: RegExp }
  | { readonly kind: 'type'; readonly type: string };

/** Reads one rule. Names are compared without case. Throws with how to write it when it is none. */
export function parseMaskRule(text: string): MaskRule {
  const pattern = /^\/(.+)\/$/s.exec(text);
  if (pattern !== null) return { kind: 'pattern', pattern: patternOf(pattern[1]!) };
  const type = /^type:(.+)$/.exec(text);
  if (type !== null) return { kind: 'type', type: type[1]!.trim().toLowerCase() };
  const parts = text.toLowerCase().split('.');
  if (parts.length > 3 || parts.some((part) => part.trim() === '' || /[\s/]/.test(part)))
    throw new Error(`mask: ${JSON.stringify(text)} is not a rule; ${FORMS}`);
  return { kind: 'name', column: parts.at(-1)!, table: parts.at(-2), schema: parts.at(-3) };
}

/** Reads rules; at most 200. Throws one sentence. */
export function parseMaskRules(texts: readonly string[]): readonly MaskRule[] {
  if (texts.length > RULES_MAX) throw new Error(`mask: at most ${RULES_MAX} rules, not ${texts.length}`);
  return texts.map(parseMaskRule);
}

function patternOf(source: string): RegExp {
  try {
    return new RegExp(source, 'iu');
  } catch (error) {
    throw new Error(`mask: /${source}/ is not a regular expression; ${FORMS}`, { cause: error });
  }
}

/** What a rule looks at. */
export interface MaskedName {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  readonly type: string;
}

/** Whether a rule is of this column. */
export function fits(rule: MaskRule, row: MaskedName): boolean {
  if (rule.kind === 'pattern') return rule.pattern.test(row.column);
  if (rule.kind === 'type') return row.type.toLowerCase() === rule.type;
  return (
    row.column.toLowerCase() === rule.column &&
    (rule.table === undefined || rule.table === row.table.toLowerCase()) &&
    (rule.schema === undefined || rule.schema === row.schema.toLowerCase())
  );
}
