import type { FormatName } from '../../../src/llm/conversation/format-name.ts';
import { type LlmCall, type LlmRoute, readCall } from '../../../src/llm/llm-call.ts';
import type { AnswerSink } from '../../../src/llm/llm-ports.ts';
import { type Deployment, toDeployment } from '../../../src/llm/providers/deployment.ts';
import { entry, llmConfig } from './config.ts';

/** A deployment with these `litellm_params`, as the configuration makes it. */
export async function deploymentOf(
  params: Readonly<Record<string, unknown>>,
  info: Readonly<Record<string, unknown>> = {},
): Promise<Deployment> {
  const { models } = await llmConfig([entry('named', params, info)]);
  return toDeployment(models[0]!);
}

/** A request as it came. */
export function callOf(
  format: FormatName,
  body: string | object,
  headers: Readonly<Record<string, string>> = {},
  more: Partial<LlmRoute> = {},
): LlmCall {
  const route: LlmRoute = {
    format,
    operation: 'generate',
    model: format === 'gemini' ? 'named' : undefined,
    isStream: undefined,
    framing: 'sse',
    ...more,
  };
  return readCall(route, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), headers);
}

/** What a client got, step by step. */
export interface ClientSide extends AnswerSink {
  readonly heard: readonly string[];
  /** The body so far. */
  readonly said: string;
  readonly headers: Readonly<Record<string, string>>;
  isSlow: boolean;
  drain(): void;
}

export function clientSide(): ClientSide {
  const heard: string[] = [];
  let drain = (): void => undefined;
  const side = {
    heard,
    said: '',
    headers: {} as Readonly<Record<string, string>>,
    isSlow: false,
    isGone: false,
    drain: () => drain(),
    onGone: () => () => undefined,
    send: (status: number, headers: Readonly<Record<string, string>>, body: Buffer) => {
      heard.push(`send ${status}`);
      side.headers = headers;
      side.said += String(body);
    },
    begin: (headers: Readonly<Record<string, string>>) => {
      heard.push('begin');
      side.headers = headers;
    },
    write: (bytes: Buffer) => {
      heard.push('write');
      side.said += String(bytes);
      return !side.isSlow;
    },
    onDrain: (listener: () => void) => {
      drain = listener;
    },
    end: () => void heard.push('end'),
    cut: () => void heard.push('cut'),
  };
  return side;
}
