/** The wire as a program needs it that speaks for a client: reading messages, and making the headers that repeat parts of them. */
export { errorMessage, errorObject, objectText } from './wire/compose.ts';
export { META_CAPABILITIES, META_CLIENT, META_VERSION } from './wire/era.ts';
export {
  idIn,
  readMessages,
  type RpcId,
  type RpcMessage,
  type RpcReply,
} from './wire/message.ts';
export { type ParamHeader, readParamHeaders } from './wire/modern/param-headers.ts';
export { requestHeaders } from './wire/modern/request-headers.ts';
export { type Era, eraOf, LATEST_MODERN } from './wire/revisions.ts';
