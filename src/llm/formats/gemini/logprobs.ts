import { isList, isObject, numberOf, textOf } from '../../conversation/json.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';

/** `logprobsResult` as the conversation has it: a list of tokens, each with the most probable ones in its place. */
export function readLogprobs(value: Json | undefined): readonly Json[] {
  if (!isObject(value)) return [];
  const tops = isList(value['topCandidates']) ? value['topCandidates'] : [];
  const chosen = isList(value['chosenCandidates']) ? value['chosenCandidates'] : [];
  return chosen.filter(isObject).map((one, index) => {
    const top = tops[index];
    const list = isObject(top) && isList(top['candidates']) ? top['candidates'].filter(isObject) : [];
    return { ...tokenOf(one), top_logprobs: list.map(tokenOf) };
  });
}

export function writeLogprobs(tokens: readonly Json[]): JsonObject {
  const list = tokens.filter(isObject);
  return {
    chosenCandidates: list.map(candidateOf),
    topCandidates: list.map((one) => ({
      candidates: isList(one['top_logprobs']) ? one['top_logprobs'].filter(isObject).map(candidateOf) : [],
    })),
  };
}

function tokenOf(candidate: JsonObject): JsonObject {
  const token = textOf(candidate['token']) ?? '';
  return { token, logprob: numberOf(candidate['logProbability']) ?? 0, bytes: [...Buffer.from(token)] };
}

function candidateOf(token: JsonObject): JsonObject {
  return { token: textOf(token['token']) ?? '', logProbability: numberOf(token['logprob']) ?? 0 };
}
