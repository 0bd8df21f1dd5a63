import { expect, it } from 'vitest';
import { GATEWAY_PAINS } from './gateway-pains.ts';
import { LATER_RULES, MCP_RULES } from './mcp-rules.ts';

/** The rules and pains are numbered; a number that is missing would be one that was forgotten. */
const numbers = (ids: readonly string[], kind: string): number[] =>
  ids.map((id) => Number(new RegExp(`^${kind}:(\\d\\d)-`).exec(id)?.[1])).sort((a, b) => a - b);
const upTo = (last: number): number[] => Array.from({ length: last }, (_, at) => at + 1);

it('every rule for a gateway is a promise, but for those about OAuth', () => {
  expect(LATER_RULES.map((name) => Number(name.slice(0, 2)))).toEqual([36, 37]);
  const rules = [...Object.keys(MCP_RULES), ...LATER_RULES.map((name) => `rule:${name}`)];
  expect(numbers(rules, 'rule')).toEqual(upTo(42));
});

it('every pain of users of gateways is a promise', () => {
  expect(numbers(Object.keys(GATEWAY_PAINS), 'pain')).toEqual(upTo(35));
});
