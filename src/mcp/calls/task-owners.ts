import type { JsonObject } from '../../core/json-scan.ts';
import type { Caller } from '../mcp-caller.ts';
import type { RpcNotification } from '../wire/message.ts';

const TASKS_MAX = 10_000;

interface Owner {
  readonly principalId: string;
  /** Holds nothing of the call that made the task. */
  readonly tell: Caller['afterwards'];
}

/** Which server works on a task, and for whom: a task is its owner's alone (2025-11-25, Tasks; the tasks extension of 2026-07-28). */
export class TaskOwners {
  readonly #owners = new Map<string, Owner>();

  /** Notes the task that a result announces, when it announces one. A server that uses an id again means another task. */
  learn(server: string, caller: Caller, result: JsonObject): void {
    const id =
      result.string('resultType') === 'task'
        ? result.string('taskId')
        : result.child('task')?.string('taskId');
    if (id === undefined) return;
    const key = keyOf(server, id);
    this.#owners.delete(key);
    if (this.#owners.size >= TASKS_MAX) this.#owners.delete(this.#owners.keys().next().value!);
    this.#owners.set(key, { principalId: caller.principalId, tell: caller.afterwards });
  }

  /** Which of these servers work on a principal's task of that id: several, when they chose the same. */
  serversOf(taskId: string, principalId: string, servers: readonly string[]): readonly string[] {
    return servers.filter((server) => this.#owners.get(keyOf(server, taskId))?.principalId === principalId);
  }

  /** Passes a task's news on to its owner. */
  notified(server: string, notification: RpcNotification): void {
    const id = notification.params?.string('taskId') ?? notification.params?.child('task')?.string('taskId');
    const owner = id === undefined ? undefined : this.#owners.get(keyOf(server, id));
    const { object } = notification;
    owner?.tell?.(object.bytes.subarray(object.start, object.end));
  }
}

function keyOf(server: string, taskId: string): string {
  return `${server}\u0000${taskId}`;
}
