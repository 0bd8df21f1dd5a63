import { parse } from 'yaml';

/** Whether a text of this type goes over several lines (`|`, `>`). */
export function blockScalar(type: string | null | undefined): boolean {
  return type === 'BLOCK_LITERAL' || type === 'BLOCK_FOLDED';
}

/** Characters that mean nothing in YAML wherever they stand, and those that mean nothing outside `[…]` and `{…}`. */
const SAFE_IN_FLOW = /^[A-Za-z0-9_/.~+@=%?&;-][^\s,[\]{}"'`#]*$/;
const SAFE_IN_BLOCK = /^[A-Za-z0-9_/.~+@=%$?&;-][^\s"'`#]*$/;

/** One text as YAML, in the quotes that `type` says, and in quotes anyway where it would not be read as this text without. */
export function scalarText(value: string, type: string, flow: boolean): string {
  if (type === 'QUOTE_SINGLE' && !/[\r\n]/.test(value)) return `'${value.replaceAll("'", "''")}'`;
  const plain = type === 'PLAIN' && (flow ? SAFE_IN_FLOW : SAFE_IN_BLOCK).test(value) && readsAs(value);
  return plain ? value : JSON.stringify(value);
}

/** Words that older readers of YAML take for true and false. */
const YES_OR_NO = /^(?:y|n|yes|no|on|off)$/i;

function readsAs(value: string): boolean {
  if (YES_OR_NO.test(value)) return false;
  try {
    return parse(`key: ${value}`)?.key === value && !value.endsWith(':');
  } catch {
    return false;
  }
}

/**
 * `template` with the change that leads from `was` to `value`, when the part that changes stands in it literally, at its end or its
 * beginning; what is written as variables or credentials in the rest stays. `undefined` when it does not.
 */
export function replacedPart(template: string, was: string, value: string): string | undefined {
  const shorter = Math.min(was.length, value.length);
  let start = 0;
  while (start < shorter && was[start] === value[start]) start += 1;
  const tail = was.slice(start);
  if (start > 0 && template.endsWith(tail) && !template.slice(template.length - tail.length).includes('}'))
    return template.slice(0, template.length - tail.length) + value.slice(start);
  let end = 0;
  while (end < shorter && was.at(-1 - end) === value.at(-1 - end)) end += 1;
  const head = was.slice(0, was.length - end);
  if (end > 0 && template.startsWith(head))
    return value.slice(0, value.length - end) + template.slice(head.length);
  return undefined;
}
