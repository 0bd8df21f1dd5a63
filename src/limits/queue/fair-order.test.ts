import { expect, it } from 'vitest';
import { FairOrder } from './fair-order.ts';
import { WaitingLine } from './waiting-line.ts';

function serve(
  order: FairOrder,
  shares: Readonly<Record<string, number>>,
  turns: number,
): Record<string, number> {
  const served: Record<string, number> = {};
  for (let turn = 0; turn < turns; turn++) {
    const [next] = Object.keys(shares).sort((a, b) => order.paid(a) - order.paid(b));
    order.pay(next!, 0.1, shares[next!]!);
    served[next!] = (served[next!] ?? 0) + 1;
  }
  return served;
}

it('serves classes that always wait in proportion to their shares', () => {
  const order = new FairOrder();
  for (const name of ['a', 'b', 'c']) order.join(name);
  const served = serve(order, { a: 0.6, b: 0.3, c: 0.1 }, 1_000);
  expect(served['a']! / 1_000).toBeCloseTo(0.6, 2);
  expect(served['b']! / 1_000).toBeCloseTo(0.3, 2);
  expect(served['c']! / 1_000).toBeCloseTo(0.1, 2);
});

it('owes nothing to a class for the time in which it did not wait', () => {
  const order = new FairOrder();
  order.join('idle');
  order.pay('idle', 0.1, 0.5);
  serve(order, { busy: 0.5 }, 1_000);
  order.join('idle');
  const served = serve(order, { idle: 0.5, busy: 0.5 }, 100);
  expect(Math.abs(served['idle']! - served['busy']!)).toBeLessThanOrEqual(2);
});

it('lets each holder of a line have its turn, and keeps the order of each', () => {
  const line = new WaitingLine<{ readonly holderId: string; readonly number: number }>();
  const order = ['a1', 'a2', 'a3', 'b1', 'c1', 'c2'];
  for (const name of order) line.add({ holderId: name[0]!, number: Number(name[1]) });
  const served: string[] = [];
  for (let head = line.head; head !== undefined; head = line.head) {
    served.push(`${head.holderId}${head.number}`);
    line.remove(head, true);
  }
  expect(served).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3']);
  expect(line.size).toBe(0);
});

it('keeps the turn of a holder of whose requests one is given up', () => {
  const line = new WaitingLine<{ readonly holderId: string; readonly number: number }>();
  const first = { holderId: 'a', number: 1 };
  for (const waiter of [first, { holderId: 'a', number: 2 }, { holderId: 'b', number: 1 }]) line.add(waiter);
  line.remove(first, false);
  line.remove(first, false);
  expect([line.head, line.size]).toEqual([{ holderId: 'a', number: 2 }, 2]);
});
