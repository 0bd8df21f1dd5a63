/** A column of a view, as the rule that makes the view tells it. */
export interface ViewColumn {
  readonly number: number;
  /** The columns that it shows unchanged: relation's OID and number. Several where a UNION joins them. */
  readonly origins: readonly { readonly relation: number; readonly number: number }[];
  /** It is, or may be, something else than one of those. */
  readonly computed: boolean;
}

/** What a view's rule says, as far as it matters to where values come from. */
export interface ViewRule {
  readonly columns: readonly ViewColumn[];
  /** Somewhere in it a row is used as a whole. */
  readonly hasWholeRow: boolean;
}

/** Nested UNIONs. */
const DEPTH_MAX = 100;

/**
 * Reads `pg_rewrite.ev_action`, the stored tree of a view (nodes/outfuncs.c): the select list of its query, with the origins that PostgreSQL's
 * analyser noted (parse_target.c, markTargetListOrigins); of a UNION those of its parts. Throws when it is none.
 */
export function readViewRule(tree: string): ViewRule {
  const at = tree.indexOf('{QUERY ');
  if (at < 0) throw new Error('the rule of a view cannot be read');
  const columns = readQuery(tree.slice(at, endOfGroup(tree, at)), 0);
  if (columns.length === 0) throw new Error('the rule of a view has no columns that can be read');
  return { columns, hasWholeRow: /:varattno 0[ }]/.test(tree) };
}

function readQuery(query: string, depth: number): readonly ViewColumn[] {
  if (depth > DEPTH_MAX) throw new Error('the rule of a view is nested too deeply');
  const fields = fieldsOf(query);
  const targets = membersOf(fields.get('targetList') ?? '').map(fieldsOf);
  const shown = targets.filter((target) => target.get('resjunk') !== 'true');
  if (!fields.get('setOperations')?.startsWith('{')) {
    return shown.map((target) => {
      const relation = Number(target.get('resorigtbl'));
      const origin = { relation, number: Number(target.get('resorigcol')) };
      return {
        number: Number(target.get('resno')),
        origins: relation === 0 ? [] : [origin],
        computed: relation === 0,
      };
    });
  }
  // The select list of the whole has no origins; its parts are the subqueries in the range table.
  const parts = membersOf(fields.get('rtable') ?? '')
    .map((entry) => fieldsOf(entry).get('subquery') ?? '')
    .filter((subquery) => subquery.startsWith('{QUERY '))
    .map((subquery) => readQuery(subquery, depth + 1));
  return shown.map((target) => {
    const number = Number(target.get('resno'));
    const same = parts.map((columns) => columns.find((column) => column.number === number));
    return {
      number,
      origins: same.flatMap((column) => column?.origins ?? []),
      computed: same.length === 0 || same.some((column) => column === undefined || column.computed),
    };
  });
}

/** Fields of one node by name, each as its text. */
function fieldsOf(node: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  let at = node.indexOf(':');
  while (at >= 0 && at < node.length) {
    const space = node.indexOf(' ', at);
    if (space < 0) break;
    const end = endOfValue(node, space + 1);
    fields.set(node.slice(at + 1, space), node.slice(space + 1, end));
    at = end + 1;
    // A value of several words goes on up to the next field.
    while (at < node.length && node[at] !== ':') at = endOfValue(node, at) + 1;
  }
  return fields;
}

/** Nodes of a list. */
function membersOf(list: string): readonly string[] {
  const members: string[] = [];
  for (let at = list.indexOf('{'); at >= 0; at = list.indexOf('{', at)) {
    const end = endOfGroup(list, at);
    members.push(list.slice(at, end));
    at = end;
  }
  return members;
}

function endOfValue(text: string, start: number): number {
  const first = text[start];
  if (first === '{' || first === '(') return endOfGroup(text, start);
  let at = start;
  while (at < text.length && text[at] !== ' ' && text[at] !== '}') at += text[at] === '\\' ? 2 : 1;
  return at;
}

/** Behind the bracket that closes the one at `start`. A backslash takes the meaning from the character after it. */
function endOfGroup(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (char === '\\') at++;
    else if (char === '{' || char === '(') depth++;
    else if (char === '}' || char === ')') {
      depth--;
      if (depth === 0) return at + 1;
    }
  }
  throw new Error('the rule of a view ends too early');
}
