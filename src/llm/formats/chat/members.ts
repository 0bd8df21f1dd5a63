import { isList, isObject } from '../../conversation/json.ts';
import { invalid } from '../../conversation/llm-failure.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';

/** An object of the request and where it is, so that what is wrong in it can be named. `null` counts as absent. */
export class Members {
  readonly value: JsonObject;
  readonly path: string;

  constructor(value: JsonObject, path: string) {
    this.value = value;
    this.path = path;
  }

  at(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }

  get(name: string): Json | undefined {
    return this.value[name] ?? undefined;
  }

  text(name: string): string | undefined {
    const value = this.get(name);
    if (value === undefined || typeof value === 'string') return value;
    throw invalid(`${this.at(name)} must be a string`, this.at(name));
  }

  needText(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw invalid(`${this.at(name)} is missing`, this.at(name));
    return value;
  }

  number(name: string): number | undefined {
    const value = this.get(name);
    if (value === undefined || typeof value === 'number') return value;
    throw invalid(`${this.at(name)} must be a number`, this.at(name));
  }

  flag(name: string): boolean | undefined {
    const value = this.get(name);
    if (value === undefined || typeof value === 'boolean') return value;
    throw invalid(`${this.at(name)} must be true or false`, this.at(name));
  }

  object(name: string): Members | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    if (isObject(value)) return new Members(value, this.at(name));
    throw invalid(`${this.at(name)} must be an object`, this.at(name));
  }

  needObject(name: string): Members {
    const value = this.object(name);
    if (value === undefined) throw invalid(`${this.at(name)} is missing`, this.at(name));
    return value;
  }

  list(name: string): readonly Json[] | undefined {
    const value = this.get(name);
    if (value === undefined || isList(value)) return value;
    throw invalid(`${this.at(name)} must be a list`, this.at(name));
  }

  /** The objects of a list; none when there is no list. */
  objects(name: string): readonly Members[] {
    return (this.list(name) ?? []).map((value, index) => {
      const path = `${this.at(name)}[${index}]`;
      if (isObject(value)) return new Members(value, path);
      throw invalid(`${path} must be an object`, path);
    });
  }

  texts(name: string): readonly string[] {
    return (this.list(name) ?? []).map((value, index) => {
      if (typeof value === 'string') return value;
      throw invalid(`${this.at(name)}[${index}] must be a string`, `${this.at(name)}[${index}]`);
    });
  }
}
