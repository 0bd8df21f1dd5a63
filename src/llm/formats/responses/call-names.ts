import type { ModelRequest } from '../../conversation/request.ts';

/** A tool as the client knows it. */
export interface CalledTool {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly isFreeform: boolean;
}

/** Between the name of a group and that of its tool, where a provider knows no groups. */
const JOINTS = ['__', '.', '_', '/', ':', ''];

/**
 * Which of the client's tools a model means. A provider without groups is offered flat names, and models shorten names; clients take a call
 * only with the very `namespace` and `name` that they gave.
 */
export function calledTools(
  request: ModelRequest,
): (name: string, namespace: string | undefined) => CalledTool {
  const exact = new Map<string, CalledTool>();
  const flat = new Map<string, CalledTool>();
  const short = new Map<string, CalledTool | undefined>();
  for (const tool of request.tools) {
    if (tool.kind !== 'function' && tool.kind !== 'freeform') continue;
    const { name, namespace } = tool;
    const called = { name, namespace, isFreeform: tool.kind === 'freeform' };
    exact.set(keyOf(name, namespace), called);
    if (namespace === undefined) continue;
    for (const joint of JOINTS) flat.set(namespace + joint + name, called);
    // A short name that two groups have means neither.
    short.set(name, short.has(name) ? undefined : called);
  }
  return (name, namespace) =>
    exact.get(keyOf(name, namespace)) ??
    (namespace === undefined ? (flat.get(name) ?? short.get(name)) : undefined) ?? {
      name,
      namespace,
      isFreeform: false,
    };
}

function keyOf(name: string, namespace: string | undefined): string {
  return namespace === undefined ? name : JSON.stringify([namespace, name]);
}

/**
 * The text for a tool that takes any text, from a call in which a provider without such tools gave an object: its only string, which is named
 * `input` by those who write such tools as functions. Anything else is taken as it stands.
 */
export function freeformInput(input: string): string {
  let value: unknown;
  try {
    value = JSON.parse(input);
  } catch {
    return input;
  }
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return input;
  const members = Object.values(value);
  return members.length === 1 && typeof members[0] === 'string' ? members[0] : input;
}
