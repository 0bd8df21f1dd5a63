import { isObject } from '../../conversation/json.ts';
import type { CacheMark, Json } from '../../conversation/parts.ts';

/** `cache_control`, which OpenRouter and LiteLLM take in this format too. */
export function readCache(value: Json | undefined): CacheMark | undefined {
  if (!isObject(value)) return undefined;
  return { ttl: value['ttl'] === '1h' ? '1h' : '5m' };
}
