import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from '../process.ts';
import type { SdkClient } from './sdk-clients.ts';
import { IMAGE, QUESTION, type SdkAnswer, SYSTEM, TOOLS } from './sdk-turn.ts';

const PROGRAM = join(ROOT, 'test/support/llm/sdk-clients.py');

/** The SDKs of Python, in a process that holds one conversation after the other. */
export interface PythonSdks extends AsyncDisposable {
  say(order: object): Promise<SdkAnswer>;
}

export function startPythonSdks(python: string): PythonSdks {
  const child = spawn(python, [PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const write = (value: object): void => void child.stdin.write(`${JSON.stringify(value)}\n`);
  write({ system: SYSTEM, question: QUESTION, image: IMAGE, tools: TOOLS });
  return {
    async say(order) {
      write(order);
      const { value, done } = await lines.next();
      if (done === true) throw new Error('The Python process has ended.');
      const { answer, error } = JSON.parse(value) as { answer?: SdkAnswer; error?: string };
      if (answer === undefined) throw new Error(error);
      return answer;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.stdin.end();
      await exited;
    },
  };
}

/** As the SDKs of JavaScript; `sdks`: the process, once it runs. */
export function pythonClients(sdks: () => PythonSdks): readonly SdkClient[] {
  const client = (open: string, name: string, stops: SdkClient['stops']): SdkClient => ({
    name: `Python: ${name}`,
    stops,
    converse: (url, key, model, isStream) => ({
      ask: () => sdks().say({ open, url, key, model, isStream }),
      goOn: (results) => sdks().say({ results: [...results] }),
    }),
  });
  return [
    client('chat', 'openai, Chat Completions', ['tool_calls', 'stop']),
    client('responses', 'openai, Responses', ['completed', 'completed']),
    client('messages', 'anthropic', ['tool_use', 'end_turn']),
    client('gemini', 'google-genai', ['STOP', 'STOP']),
  ];
}
