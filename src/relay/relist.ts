import type { JsonObject } from '../core/json-scan.ts';
import {
  META_CAPABILITIES,
  META_CLIENT,
  META_VERSION,
  objectText,
  readMessages,
  type RpcReply,
} from '../mcp/client-wire.ts';
import type { Failure } from './failure.ts';
import { Parcel } from './parcel.ts';
import type { ToolHeaders } from './tool-headers.ts';

const PAGES_MAX = 100;

type Send = (parcel: Parcel) => Promise<Failure | undefined>;

/**
 * Reads the tool list on behalf of a modern call that was refused for a header that only the tool's schema tells of (2026-07-28, Tools,
 * "Header parameters"). Tells whether the list was read.
 */
export async function relist(call: Parcel, send: Send, tools: ToolHeaders): Promise<boolean> {
  const first = call.messages[0]!;
  const meta = first.kind === 'request' ? first.params?.child('_meta') : undefined;
  if (meta === undefined) return false;
  let cursor: Buffer | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const result = await readPage(call, send, meta, cursor);
    if (result === undefined) return false;
    tools.learn(result, page === 0);
    cursor = result.slice('nextCursor');
    if (cursor?.[0] !== 0x22) return true;
  }
  return true;
}

async function readPage(
  call: Parcel,
  send: Send,
  meta: JsonObject,
  cursor: Buffer | undefined,
): Promise<JsonObject | undefined> {
  const envelope = objectText(
    [META_VERSION, META_CAPABILITIES, META_CLIENT].map((name) => [name, meta.slice(name)] as const),
  );
  const body = objectText([
    ['jsonrpc', Buffer.from('"2.0"')],
    ['id', Buffer.from('"lanport-tools"')],
    ['method', Buffer.from('"tools/list"')],
    [
      'params',
      objectText([
        ['cursor', cursor],
        ['_meta', envelope],
      ]),
    ],
  ]);
  let reply: RpcReply | undefined;
  const parcel = new Parcel({
    body,
    messages: readMessages(body).messages,
    era: call.era,
    onReply: (one) => {
      reply = one;
    },
  });
  const stop = (): void => parcel.abort.abort();
  call.abort.signal.addEventListener('abort', stop, { once: true });
  await send(parcel);
  call.abort.signal.removeEventListener('abort', stop);
  return reply?.kind === 'result' ? reply.result : undefined;
}
