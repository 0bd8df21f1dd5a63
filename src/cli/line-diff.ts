/** Lines around a change that are shown with it. */
const CONTEXT = 2;
/** Above so many pairs of lines, no common ones are looked for. */
const PAIRS_MAX = 4_000_000;

/** The lines of `before` and `after` that differ, with `-` and `+` before them and a few equal ones around; none when all are equal. */
export function lineDiff(before: readonly string[], after: readonly string[]): readonly string[] {
  const marked = markLines(before, after);
  const shown = new Set<number>();
  for (const [at, { mark }] of marked.entries())
    if (mark !== ' ') for (let near = at - CONTEXT; near <= at + CONTEXT; near++) shown.add(near);
  const lines: string[] = [];
  let last = -1;
  for (const [at, { mark, line }] of marked.entries()) {
    if (!shown.has(at)) continue;
    if (at > last + 1) lines.push('  …');
    lines.push(`${mark} ${line}`);
    last = at;
  }
  if (lines.length > 0 && last < marked.length - 1) lines.push('  …');
  return lines;
}

interface Marked {
  readonly mark: ' ' | '-' | '+';
  readonly line: string;
}

/** By the longest common subsequence. */
function markLines(before: readonly string[], after: readonly string[]): readonly Marked[] {
  const [rows, columns] = [before.length, after.length];
  const removed = before.map((line): Marked => ({ mark: '-', line }));
  const added = after.map((line): Marked => ({ mark: '+', line }));
  if (rows * columns > PAIRS_MAX) return [...removed, ...added];
  // length[row][column]: of the longest one of what follows there.
  const width = columns + 1;
  const length = new Uint32Array((rows + 1) * width);
  for (let row = rows - 1; row >= 0; row--)
    for (let column = columns - 1; column >= 0; column--)
      length[row * width + column] =
        before[row] === after[column]
          ? length[(row + 1) * width + column + 1]! + 1
          : Math.max(length[(row + 1) * width + column]!, length[row * width + column + 1]!);
  const marked: Marked[] = [];
  let [row, column] = [0, 0];
  while (row < rows && column < columns) {
    if (before[row] === after[column]) {
      marked.push({ mark: ' ', line: before[row]! });
      row++;
      column++;
    } else if (length[(row + 1) * width + column]! >= length[row * width + column + 1]!)
      marked.push(removed[row++]!);
    else marked.push(added[column++]!);
  }
  return [...marked, ...removed.slice(row), ...added.slice(column)];
}
