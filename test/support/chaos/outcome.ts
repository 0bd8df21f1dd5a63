import { NoAnswer, type RpcMessage } from '../clients/raw-client.ts';

/** What came of a call, as its client saw it. */
export type Outcome =
  /** A result: the server's, or with `code` one that the gateway made. */
  | { readonly kind: 'result'; readonly text: string; readonly isError: boolean; readonly code?: string }
  /** A JSON-RPC error or an HTTP error with the gateway's `code`; without one, somebody else's. */
  | { readonly kind: 'error'; readonly text: string; readonly code: string | undefined }
  /** No answer: the connection ended, could not be made, or nothing came. */
  | { readonly kind: 'lost'; readonly text: string };

interface ToolResult {
  readonly isError?: boolean;
  readonly content?: readonly { readonly text?: string }[];
  readonly _meta?: Readonly<Record<string, unknown>>;
}

const CODE = /"lanport":"([a-z-]+)"/;

export function resultOutcome(result: ToolResult): Outcome {
  const code = result._meta?.['lanport/error'];
  return {
    kind: 'result',
    text: (result.content ?? []).map(({ text }) => text ?? '').join('\n'),
    isError: result.isError === true,
    ...(typeof code === 'string' ? { code } : {}),
  };
}

export function messageOutcome({ result, error }: RpcMessage): Outcome {
  if (result !== undefined) return resultOutcome(result);
  const code = error?.data?.['lanport'];
  return {
    kind: 'error',
    text: `${error?.code} ${error?.message}`,
    code: typeof code === 'string' ? code : undefined,
  };
}

/** What a client's rejection says. SDKs put a JSON-RPC error's data beside the message and an HTTP error's body into it. */
export function failureOutcome(error: unknown): Outcome {
  const { data, message, name } = error as {
    data?: { lanport?: unknown };
    message: string;
    name: string;
  };
  const text = `${name}: ${message}${causeOf(error)}`;
  if (typeof data?.lanport === 'string') return { kind: 'error', text, code: data.lanport };
  if (error instanceof NoAnswer) {
    if (error.status === undefined) return { kind: 'lost', text };
    return { kind: 'error', text, code: CODE.exec(error.body)?.[1] };
  }
  const code = CODE.exec(message)?.[1];
  if (code !== undefined) return { kind: 'error', text, code };
  return LOST.test(text) ? { kind: 'lost', text } : { kind: 'error', text, code: undefined };
}

/** How the two SDKs and their `fetch` name what has no answer. */
const LOST =
  /fetch failed|ECONNREFUSED|ECONNRESET|socket hang up|other side closed|terminated|Connection closed|Not connected|timed out|Request timeout|aborted|AbortError|SSE error|CONNECTION_CLOSED|REQUEST_TIMEOUT|SEND_FAILED/i;

function causeOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  return cause === undefined ? '' : ` (${String(cause)})`;
}
