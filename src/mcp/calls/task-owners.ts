import type { JsonObject } from '../../core/json-scan.ts';
import type { Caller } from '../mcp-caller.ts';
import type { RpcNotification } from '../wire/message.ts';

const TASKS_MAX = 10_000;

interface Owner {
  readonly server: string;
  readonly principalId: string;
  readonly caller: Caller;
}

/** Which server works on a task, and for whom: a task is its owner's alone (2025-11-25, Tasks; the tasks extension of 2026-07-28). */
export class TaskOwners {
  readonly #owners = new Map<string, Owner>();

  /** Notes the task that a result announces, when it announces one. */
  learn(server: string, caller: Caller, result: JsonObject): void {
    const id =
      result.string('resultType') === 'task'
        ? result.string('taskId')
        : result.child('task')?.string('taskId');
    if (id === undefined || this.#owners.has(id)) return;
    if (this.#owners.size >= TASKS_MAX) this.#owners.delete(this.#owners.keys().next().value!);
    this.#owners.set(id, { server, principalId: caller.principalId, caller });
  }

  /** The server of a principal's task. */
  serverOf(taskId: string, principalId: string): string | undefined {
    const owner = this.#owners.get(taskId);
    return owner?.principalId === principalId ? owner.server : undefined;
  }

  /** Passes a task's news on to its owner. */
  notified(server: string, notification: RpcNotification): void {
    const id = notification.params?.string('taskId') ?? notification.params?.child('task')?.string('taskId');
    const owner = id === undefined ? undefined : this.#owners.get(id);
    if (owner?.server !== server) return;
    const { object } = notification;
    owner.caller.tell(object.bytes.subarray(object.start, object.end));
  }
}
