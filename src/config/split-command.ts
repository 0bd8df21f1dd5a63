import { closingBrace } from './interpolate.ts';

/** The words of a command line, or why it cannot be split. */
export type SplitCommand =
  | { readonly words: readonly string[] }
  | { readonly what: string; readonly hint: string };

const OPERATORS = new Set(['|', '&', ';', '<', '>', '(', ')', '`']);
const NO_SHELL = 'No shell runs the command. Write bash -c "…" if one is needed, or move it into a script.';

/**
 * Splits one text into words as a POSIX shell would (quotes, backslashes), without being one: operators, `$NAME` and assignments in
 * front of the command are refused. `${NAME}` passes untouched; variables are put into the words later, so that their values never
 * make further words.
 */
export function splitCommand(text: string): SplitCommand {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    const next = text[at + 1];
    if (character === '$' && next === '{' && quote !== "'") {
      const end = closingBrace(text, at + 2);
      if (end === undefined)
        return { what: 'has a ${ without its closing }', hint: 'Write $${ for a literal ${.' };
      word = (word ?? '') + text.slice(at, end + 1);
      at = end;
    } else if (character === '$' && text.startsWith('$${', at)) {
      word = `${word ?? ''}$\${`;
      at += 2;
    } else if (character === '$' && quote !== "'" && next !== undefined && /[A-Za-z_({]/.test(next)) {
      return {
        what: `uses the shell form $${next === '(' ? '(…)' : 'NAME'}`,
        hint: 'Write ${NAME} for an environment variable. No shell runs the command.',
      };
    } else if (quote === "'") {
      if (character === "'") quote = undefined;
      else word += character;
    } else if (character === '\\') {
      if (next === undefined) return { what: 'ends in a backslash', hint: 'Remove it, or write two.' };
      const kept = quote === '"' && !/["\\$`]/.test(next) ? character : '';
      word = (word ?? '') + kept + next;
      at += 1;
    } else if (quote === '"') {
      if (character === '"') quote = undefined;
      else if (character === '`') return { what: 'uses the shell operator `', hint: NO_SHELL };
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (OPERATORS.has(character)) {
      return { what: `uses the shell operator ${character}`, hint: NO_SHELL };
    } else word = (word ?? '') + character;
  }
  if (quote !== undefined) return { what: `has no closing ${quote}`, hint: 'Close the quotes.' };
  if (word !== undefined) words.push(word);
  return checked(words);
}

function checked(words: readonly string[]): SplitCommand {
  const [first] = words;
  if (first === undefined) return { what: 'is empty', hint: 'Name the program to start.' };
  const assigned = /^([A-Za-z_][A-Za-z0-9_]*)=/.exec(first)?.[1];
  if (assigned !== undefined)
    return { what: `begins with an assignment to ${assigned}`, hint: `Write it under env: ${assigned}: …` };
  return { words };
}
