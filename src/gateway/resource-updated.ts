import { notificationMessage, objectText, type RpcNotification, withoutMembers } from '../mcp/mcp-wire.ts';

const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';

/**
 * A server's `notifications/resources/updated` in a client's words: the URI that it asked for, and its own subscription's id (JSON text) in
 * place of ours with the server. Everything else as it came.
 */
export function resourceUpdated(
  { method, params }: RpcNotification,
  uri: string,
  subscriptionId: Buffer | undefined,
): Buffer {
  const members: [string, Buffer | undefined][] = [['uri', Buffer.from(JSON.stringify(uri))]];
  for (const key of params?.keys ?? [])
    if (key !== 'uri' && key !== '_meta') members.push([key, params!.slice(key)]);
  const meta = params?.child('_meta');
  const kept = meta === undefined ? OPEN_AND_SHUT : withoutMembers(meta, (key) => key === SUBSCRIPTION);
  const isEmpty = kept.length <= OPEN_AND_SHUT.length;
  const own = subscriptionId === undefined ? undefined : objectText([[SUBSCRIPTION, subscriptionId]]);
  if (own !== undefined)
    members.push(['_meta', isEmpty ? own : Buffer.concat([own.subarray(0, -1), COMMA, kept.subarray(1)])]);
  else if (!isEmpty) members.push(['_meta', kept]);
  return notificationMessage(method, objectText(members));
}

const OPEN_AND_SHUT = Buffer.from('{}');
const COMMA = Buffer.from(',');
