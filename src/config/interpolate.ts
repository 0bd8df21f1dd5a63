/** What a text became, which variables it took, and what was wrong with it. */
export interface Interpolated {
  readonly text: string;
  readonly variables: readonly string[];
  readonly problems: readonly { readonly what: string; readonly hint: string }[];
}

export type Lookup = (name: string) => string | undefined;

const WHOLE = /^os\.environ\/(.*)$/s;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const NESTING_MAX = 10;

/** Whether `text` would be changed by `interpolate`. */
export function hasVariables(text: string): boolean {
  return WHOLE.test(text) || text.includes('${');
}

/**
 * Puts in variables: `os.environ/NAME` as the whole text (LiteLLM), `${NAME}` and `${NAME:-default}` anywhere. The default also stands
 * for an empty variable, as in a shell, and may contain variables itself. `$${` is a literal `${`.
 */
export function interpolate(text: string, lookup: Lookup): Interpolated {
  const variables: string[] = [];
  const problems: { what: string; hint: string }[] = [];
  const missing = (name: string, way: string): string => {
    problems.push({
      what: `needs the environment variable ${name}, which is not set`,
      hint: `Set ${name}, or ${way}.`,
    });
    return '';
  };
  const whole = WHOLE.exec(text)?.[1];
  if (whole !== undefined) {
    if (!NAME.test(whole))
      return {
        text: '',
        variables,
        problems: [{ what: 'does not name a variable after os.environ/', hint: 'Write os.environ/NAME.' }],
      };
    variables.push(whole);
    return {
      text: lookup(whole) ?? missing(whole, `write \${${whole}:-default} to give a default`),
      variables,
      problems,
    };
  }
  const expand = (source: string, depth: number): string => {
    let result = '';
    let at = 0;
    for (;;) {
      const start = source.indexOf('${', at);
      if (start < 0) return result + source.slice(at);
      if (source[start - 1] === '$' && start > at) {
        result += `${source.slice(at, start - 1)}\${`;
        at = start + 2;
        continue;
      }
      const end = closingBrace(source, start + 2);
      if (end === undefined || depth > NESTING_MAX) {
        problems.push({ what: 'has a ${ without its closing }', hint: 'Write $${ for a literal ${.' });
        return result + source.slice(at);
      }
      result += source.slice(at, start) + variable(source.slice(start + 2, end), depth);
      at = end + 1;
    }
  };
  const variable = (inside: string, depth: number): string => {
    const [, name, fallback] = /^([^:]*?)(?::-(.*))?$/s.exec(inside) ?? [];
    if (name === undefined || !NAME.test(name)) {
      problems.push({
        what: 'has a ${…} that does not name a variable',
        hint: 'Write ${NAME} or ${NAME:-default}, and $${ for a literal ${.',
      });
      return '';
    }
    variables.push(name);
    const value = lookup(name);
    if (fallback !== undefined)
      return value === undefined || value === '' ? expand(fallback, depth + 1) : value;
    return value ?? missing(name, `give a default with \${${name}:-default}`);
  };
  return { text: expand(text, 0), variables, problems };
}

/** Where the `}` stands that closes the brace opened before `from`. */
export function closingBrace(source: string, from: number): number | undefined {
  let open = 1;
  for (let at = from; at < source.length; at++) {
    if (source[at] === '{' && source[at - 1] === '$') open += 1;
    else if (source[at] === '}') open -= 1;
    if (open === 0) return at;
  }
  return undefined;
}
