import { describe, expect, it } from 'vitest';
import type { Loose } from '../../../../test/support/responses-wire.ts';
import { Dropped } from '../../conversation/dropped.ts';
import type { ModelRequest } from '../../conversation/request.ts';
import { RESPONSES } from './format.ts';

const EMPTY: ModelRequest = { model: 'm', isStream: false, system: [], turns: [], tools: [], sampling: {} };

function read(body: Loose): ModelRequest {
  return RESPONSES.readRequest(
    { model: 'm', ...body },
    {
      model: undefined,
      isStream: undefined,
    },
  );
}

describe('a seal of another format', () => {
  const sealed = { format: 'messages', kind: 'signature', value: 'ErUB+/==' } as const;

  it('survives a client that keeps only the encrypted content, with its very text', () => {
    const answer = {
      id: 'x',
      model: 'm',
      createdAt: 1,
      parts: [{ kind: 'thinking', text: 'Let me see…\n', seal: sealed }],
      stop: { kind: 'end' },
      usage: undefined,
    } as const;
    const response = RESPONSES.writeAnswer(answer, {
      model: 'm',
      request: EMPTY,
      source: {},
      newId: (prefix) => `${prefix}1`,
      now: () => 0,
      dropped: new Dropped(),
    });
    const [{ id, encrypted_content: code }] = response['output'] as [Loose];
    expect(code).toMatch(/^lanport-seal-1\./);
    const { turns } = read({ input: [{ type: 'reasoning', id, summary: [], encrypted_content: code }] });
    expect(turns[0]!.parts).toMatchObject([{ kind: 'thinking', text: 'Let me see…\n', seal: sealed }]);
  });

  it('is taken as the provider’s own when it is none of ours, or broken', () => {
    for (const code of ['gAAAAAB', 'lanport-seal-1.', 'lanport-seal-1.e30', 'lanport-seal-2.e30']) {
      const { turns } = read({
        input: [{ type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: code }],
      });
      expect(turns[0]!.parts).toMatchObject([
        { seal: { format: 'responses', kind: 'encrypted', value: code, id: 'rs_1' } },
      ]);
    }
  });
});
