import { Cancellation } from '../../../src/core/cancellation.ts';
import type { Caller, Question } from '../../../src/mcp/mcp-caller.ts';
import {
  type ClientCapabilities,
  NO_CAPABILITIES,
  readCapabilities,
} from '../../../src/mcp/wire/capabilities.ts';
import type { LogLevel } from '../../../src/mcp/wire/log-level.ts';
import type { RpcReply } from '../../../src/mcp/wire/message.ts';
import type { Era } from '../../../src/mcp/wire/revisions.ts';
import { messageOf } from './fake-upstream.ts';

/** A client of a call: what it was told and asked is kept, and the test answers. */
export class FakeCaller implements Caller {
  readonly principalId: string;
  era: Era = 'legacy';
  /** Its session, whichever calls it makes. */
  conversation: object = {};
  conversationId: string;
  capabilities: ClientCapabilities = NO_CAPABILITIES;
  progressToken: Buffer | undefined;
  logLevel: LogLevel | undefined;
  readonly cancellation = new Cancellation();
  readonly told: Record<string, unknown>[] = [];
  readonly questions: { question: Question; answer: (result: unknown) => void }[] = [];

  constructor(principalId = 'someone', capabilities?: Readonly<Record<string, unknown>>) {
    this.principalId = principalId;
    this.conversationId = `session of ${principalId}`;
    if (capabilities !== undefined) this.capabilities = readCapabilities(JSON.stringify(capabilities));
  }

  /** What came after the answer. */
  readonly heardLate: Record<string, unknown>[] = [];
  readonly afterwards = (message: Buffer): void => {
    this.heardLate.push(JSON.parse(message.toString()) as Record<string, unknown>);
  };

  tell(message: Buffer): void {
    this.told.push(JSON.parse(message.toString()) as Record<string, unknown>);
  }

  ask(question: Question): Promise<RpcReply> {
    return new Promise((resolve, reject) => {
      question.cancellation.on((reason) => reject(new Error(reason)));
      this.questions.push({
        question,
        answer: (result) => resolve(messageOf({ id: 0, result }) as RpcReply),
      });
    });
  }
}

/** A client that can be asked everything. */
export const ALL_CAPABILITIES = { elicitation: { form: {}, url: {} }, sampling: { tools: {} }, roots: {} };
