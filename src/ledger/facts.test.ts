import { createSecretKey } from 'node:crypto';
import { expect, it } from 'vitest';
import { createRedactor } from '../core/redact.ts';
import { CallEvents } from './facts.ts';
import type { CallEnd, CallStart } from './ledger-ports.ts';
import { Recorder } from './recorder.ts';
import { STANDARD_RECORDING } from './recording-config.ts';

const recorder = new Recorder({
  redactor: createRedactor({ key: createSecretKey(Buffer.alloc(32, 7)) }),
  config: STANDARD_RECORDING,
  bodies: undefined,
});
const given: CallStart = {
  id: '0190-1',
  startedAt: 1,
  kind: 'mcp',
  operation: 'tools/call',
  keyId: 'abcd',
  keyAlias: 'anna',
  user: undefined,
  team: 'core',
  address: '10.0.0.7',
  client: `agent/1\u001b[31m${'x'.repeat(300)}`,
  server: 'postgres',
  toolName: 'db-query',
  originalName: 'query',
  model: undefined,
  decision: 'allowed',
  rule: 'virtual_keys[0].mcp_servers',
  bytesIn: 120,
  traceId: undefined,
};
const { start } = recorder.open(given);
const events = new CallEvents();
const callFields = (started: CallStart, ended: CallEnd): Record<string, unknown> =>
  JSON.parse(`{${events.fields(started, ended).members}}`) as Record<string, unknown>;
const end: CallEnd = {
  id: '0190-1',
  endedAt: 2,
  status: 'ok',
  errorCode: undefined,
  totalMs: 12.3456789,
  upstreamMs: 12.1,
  bytesOut: 900,
  promptTokens: undefined,
  completionTokens: undefined,
  cost: undefined,
};

it('a finished call is one event with the facts of its ledger row, unknown ones left out', () => {
  expect(callFields(start, end)).toEqual({
    call: '0190-1',
    kind: 'mcp',
    operation: 'tools/call',
    keyId: 'abcd',
    key: 'anna',
    team: 'core',
    address: '10.0.0.7',
    client: `agent/1[31m${'x'.repeat(189)}`,
    server: 'postgres',
    tool: 'db-query',
    originalTool: 'query',
    decision: 'allowed',
    rule: 'virtual_keys[0].mcp_servers',
    status: 'ok',
    totalMs: 12.346,
    upstreamMs: 12.1,
    overheadMs: 0.246,
    bytesIn: 120,
    bytesOut: 900,
  });
});

it('what a caller writes is printable, bounded and without secrets in it, however often it comes', () => {
  const asked = (client: string): unknown =>
    callFields(recorder.open({ ...given, client }).start, end)['client'];
  for (const client of ['a\u0000b\u202ec', 'agent sk-0123456789abcdefghij', 'word '.repeat(1_000)]) {
    const first = asked(client);
    expect(first).toEqual(expect.stringMatching(/^(?:abc|agent \[redacted:[0-9a-f]{16}\]|(?:word ){40})$/));
    expect(asked(client)).toBe(first);
  }
});

it("the gateway's own share is never negative, and unknown without an upstream", () => {
  expect(callFields(start, { ...end, upstreamMs: 13 })['overheadMs']).toBe(0);
  expect(callFields(start, { ...end, upstreamMs: undefined })['overheadMs']).toBeUndefined();
  expect(callFields({ ...start, originalName: 'db-query' }, end)['originalTool']).toBeUndefined();
});

it('calls that differ in anything are told apart, one after the other', () => {
  for (const change of [
    { keyId: 'other' },
    { keyAlias: 'bert' },
    { user: 'u' },
    { team: 't' },
    { client: 'c' },
    { address: '::1' },
    { server: 's' },
    { originalName: 'o' },
    { model: 'm' },
    { rule: 'r' },
    { decision: 'denied' as const },
    { kind: 'llm' as const },
  ]) {
    const changed = { ...start, ...change };
    callFields(start, end);
    expect(callFields(changed, end)).toEqual(
      JSON.parse(`{${new CallEvents().fields(changed, end).members}}`),
    );
  }
});
