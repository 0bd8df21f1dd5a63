import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/sdk/types.js';

/** Where a request of ours carries the name that it shall have, until it is sent. */
export const QUESTION_KEY = 'conformance-fixture/key';

type Message = JSONRPCMessage & {
  id?: RequestId;
  method?: string;
  params?: { _meta?: Record<string, unknown>; requestId?: RequestId };
};

/**
 * Gives the requests that a server sends the ids that it wants, such as `user_name`, where the SDK counts from 0. A legacy request has
 * no other name: whoever shows it to a modern client as one of several input requests has nothing else to call it by. An id is never
 * used twice on a connection; the second one is `user_name-2`.
 */
export function nameRequests(transport: Transport): Transport {
  const used = new Map<string, number>();
  const names = new Map<RequestId, RequestId>();
  const numbers = new Map<RequestId, RequestId>();

  const send = transport.send.bind(transport);
  transport.send = (sent, options) => {
    const message = sent as Message;
    const key = message.params?._meta?.[QUESTION_KEY];
    if (message.id !== undefined && message.params !== undefined && typeof key === 'string') {
      const { _meta: _, ...params } = message.params;
      const count = (used.get(key) ?? 0) + 1;
      used.set(key, count);
      const name = count === 1 ? key : `${key}-${count}`;
      names.set(message.id, name);
      numbers.set(name, message.id);
      return send({ ...message, id: name, params }, options);
    }
    const cancelled = message.method === 'notifications/cancelled' ? message.params?.requestId : undefined;
    if (cancelled !== undefined && names.has(cancelled))
      return send({ ...message, params: { ...message.params, requestId: names.get(cancelled) } }, options);
    return send(sent, options);
  };

  return new Proxy(transport, {
    // The SDK sets its handler when it connects; answers pass through here on their way to it.
    set(target, property, value) {
      if (property !== 'onmessage' || value === undefined) return Reflect.set(target, property, value);
      return Reflect.set(target, property, ((received, extra) => {
        const message = received as Message;
        const number =
          message.method === undefined && message.id !== undefined ? numbers.get(message.id) : undefined;
        (value as NonNullable<Transport['onmessage']>)(
          number === undefined ? received : { ...message, id: number },
          extra,
        );
      }) satisfies Transport['onmessage']);
    },
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
