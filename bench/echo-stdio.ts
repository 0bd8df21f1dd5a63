// The same server over stdio.
import { answer } from './echo-tool.ts';

let rest = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk: string) => {
  const lines = (rest + chunk).split('\n');
  rest = lines.pop()!;
  let out = '';
  for (const line of lines) {
    const text = answer(line);
    if (text !== undefined) out += `${text}\n`;
  }
  if (out !== '') process.stdout.write(out);
});
