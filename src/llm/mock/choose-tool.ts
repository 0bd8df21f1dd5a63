import type { FunctionTool, ModelRequest } from '../conversation/request.ts';

/** A tool is called when at least this share of what the user asks for is in its name and description. */
const SHARE_MIN = 0.5;
const STOP_WORDS: ReadonlySet<string> = new Set(
  'a an and all any are be by can could do does find for from get give have how i in is it its me my of on please show tell that the their them there these this to us use using want we what which with you your'.split(
    ' ',
  ),
);

/** The tool that the user's last words name best, when any does. Deterministic. */
export function chooseTool({ tools, toolChoice }: ModelRequest, words: string): FunctionTool | undefined {
  if (toolChoice?.kind === 'none') return undefined;
  const functions = tools.filter((tool) => tool.kind === 'function');
  if (toolChoice?.kind === 'tool') return functions.find(({ name }) => name === toolChoice.name);
  const allowed =
    toolChoice?.kind === 'allowed'
      ? functions.filter(({ name }) => toolChoice.names.includes(name))
      : functions;
  const wanted = stems(words);
  let best: FunctionTool | undefined;
  let bestScore = 0;
  for (const tool of allowed) {
    const score = scoreOf(tool, wanted);
    if (score > bestScore) {
      best = tool;
      bestScore = score;
    }
  }
  const isForced =
    toolChoice?.kind === 'required' || (toolChoice?.kind === 'allowed' && toolChoice.mode === 'required');
  return bestScore >= SHARE_MIN ? best : isForced ? (best ?? allowed[0]) : undefined;
}

/** What a tool is called counts more than what is said about it. */
function scoreOf(tool: FunctionTool, wanted: readonly string[]): number {
  if (wanted.length === 0) return 0;
  const inName = new Set(stems(tool.name));
  const inDescription = new Set(stems(tool.description ?? ''));
  const hits = wanted.reduce(
    (sum, word) => sum + (inName.has(word) ? 1 : inDescription.has(word) ? 0.6 : 0),
    0,
  );
  // Between equal tools the one with fewer other words in its name is meant.
  return hits / wanted.length - Math.max(0, inName.size - 2) * 0.001;
}

function stems(text: string): string[] {
  const words = text
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu);
  return (words ?? [])
    .filter((word) => !STOP_WORDS.has(word))
    .map((word) => (word.length > 3 ? word.replace(/(?:es|s|ing)$/, '') : word));
}
