import { expect, it } from 'vitest';
import { GATEWAY_PAINS, LATER_PAINS } from './gateway-pains.ts';
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

it('every pain of users of gateways is a promise; what is left of one for later says why', () => {
  expect(numbers(Object.keys(GATEWAY_PAINS), 'pain')).toEqual(upTo(35));
  for (const [name, reason] of Object.entries(LATER_PAINS)) {
    expect(upTo(35)).toContain(Number(/^(\d\d)-/.exec(name)?.[1]));
    expect(reason).toMatch(/\w+ \w+ \w+/);
  }
});
