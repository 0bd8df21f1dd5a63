import type { Principal } from '../auth/authenticate.ts';
import type { LlmCall } from '../llm/llm-wire.ts';

/** The call as it is meant by whoever has names of its own for models. What a name stands for has none itself. */
export function withAlias(call: LlmCall, { modelAliases }: Principal): LlmCall {
  const model =
    modelAliases !== undefined && Object.hasOwn(modelAliases, call.model)
      ? modelAliases[call.model]
      : undefined;
  return model === undefined ? call : { ...call, model };
}
