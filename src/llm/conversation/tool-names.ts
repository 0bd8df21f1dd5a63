import { createHash } from 'node:crypto';
import type { AnswerEvent } from './answer.ts';
import { isObject } from './json.ts';
import type { Json } from './parts.ts';
import type { ModelRequest } from './request.ts';

/** What a format allows as the name of a tool. */
export interface NameLimits {
  /** A character that is not allowed; global, so that all of them are replaced. */
  readonly forbidden: RegExp;
  /** What the first character must be. */
  readonly first?: RegExp | undefined;
  readonly charsMax: number;
}

export interface NamedTool {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly isFreeform: boolean;
}

/**
 * The names of a request's tools as one format writes them: flat where it has no namespaces, and within its limits. A name that fits stays as
 * it is. The same request always gives the same names, so that an answer can be read with a mapping made anew.
 */
export class ToolNames {
  readonly #wire = new Map<string, string>();
  readonly #tools = new Map<string, NamedTool>();
  readonly #limits: NameLimits;

  constructor(request: ModelRequest, limits: NameLimits) {
    this.#limits = limits;
    const tools: NamedTool[] = [];
    for (const tool of request.tools) {
      if (tool.kind === 'function' || tool.kind === 'freeform')
        tools.push({ name: tool.name, namespace: tool.namespace, isFreeform: tool.kind === 'freeform' });
    }
    for (const turn of request.turns) {
      for (const part of turn.parts) {
        if (part.kind !== 'tool-call') continue;
        tools.push({ name: part.name, namespace: part.namespace, isFreeform: part.isFreeform === true });
      }
    }
    // Names that need no change come first: no other tool may take one of them.
    for (const tool of tools)
      if (flat(tool) === tool.name && this.#fits(tool.name)) this.#put(tool.name, tool);
    for (const tool of tools)
      if (!this.#wire.has(key(tool.namespace, tool.name))) this.#put(this.#free(tool), tool);
  }

  /** The name for the wire. */
  wire(name: string, namespace: string | undefined): string {
    return this.#wire.get(key(namespace, name)) ?? name;
  }

  /** The tool that a name on the wire means; `undefined` when the request had no such tool. */
  tool(wire: string): NamedTool | undefined {
    return this.#tools.get(wire);
  }

  /** Whether the wire says anything differently than the request. */
  get areChanged(): boolean {
    for (const [wire, tool] of this.#tools)
      if (tool.isFreeform || tool.namespace !== undefined || tool.name !== wire) return true;
    return false;
  }

  #put(wire: string, tool: NamedTool): void {
    const known = key(tool.namespace, tool.name);
    if (this.#wire.has(known)) return;
    this.#wire.set(known, wire);
    this.#tools.set(wire, tool);
  }

  #fits(name: string): boolean {
    const { forbidden, first, charsMax } = this.#limits;
    return (
      name !== '' && name.length <= charsMax && name.search(forbidden) < 0 && (first?.test(name) ?? true)
    );
  }

  #free(tool: NamedTool): string {
    let name = flat(tool).replaceAll(this.#limits.forbidden, '_');
    if (this.#limits.first?.test(name) === false || name === '') name = `t_${name}`;
    if (name.length <= this.#limits.charsMax && !this.#tools.has(name)) return name;
    const mark = createHash('sha256').update(key(tool.namespace, tool.name)).digest('hex').slice(0, 8);
    return `${name.slice(0, this.#limits.charsMax - 9)}_${mark}`;
  }
}

/** The input of a freeform tool for formats in which every tool takes an object. */
export function wrapFreeform(text: string): string {
  return JSON.stringify({ input: text });
}

/** The schema that goes with `wrapFreeform`. */
export const FREEFORM_SCHEMA = {
  type: 'object',
  properties: { input: { type: 'string' } },
  required: ['input'],
  additionalProperties: false,
} as const;

function unwrapFreeform(text: string): string {
  try {
    const value = JSON.parse(text) as Json;
    if (isObject(value) && typeof value['input'] === 'string') return value['input'];
  } catch {
    // The model wrote something else: as it is.
  }
  return text;
}

/**
 * Gives the calls in an answer the names, namespaces and freeform inputs that the request has for them. The input of a freeform tool comes at
 * once, when the call ends. `undefined`: there is nothing to change.
 */
export function restoreTools(names: ToolNames): ((event: AnswerEvent) => readonly AnswerEvent[]) | undefined {
  if (!names.areChanged) return undefined;
  const held = new Map<number, string>();
  return (event) => {
    if (event.kind === 'part-start' && event.part.kind === 'tool-call') {
      const tool = names.tool(event.part.name);
      if (tool === undefined) return [event];
      // A provider that has such tools gives the text itself.
      if (tool.isFreeform && event.part.isFreeform !== true) held.set(event.at, '');
      const { name, namespace } = tool;
      return [
        { ...event, part: { ...event.part, name, namespace, isFreeform: tool.isFreeform || undefined } },
      ];
    }
    if (event.kind === 'input') {
      const before = held.get(event.at);
      if (before === undefined) return [event];
      held.set(event.at, before + event.text);
      return [];
    }
    if (event.kind === 'part-end') {
      const text = held.get(event.at);
      if (text === undefined) return [event];
      held.delete(event.at);
      return [{ kind: 'input', at: event.at, text: unwrapFreeform(text) }, event];
    }
    return [event];
  };
}

function flat(tool: NamedTool): string {
  return tool.namespace === undefined ? tool.name : `${tool.namespace}__${tool.name}`;
}

function key(namespace: string | undefined, name: string): string {
  return namespace === undefined ? name : `${namespace}\0${name}`;
}
